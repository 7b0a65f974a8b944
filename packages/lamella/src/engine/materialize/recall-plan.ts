import type { Digest } from "../../files/digest.ts";
import type { Store } from "../../store/store.ts";
import type { BuildPlan, Step } from "../plan.ts";
import { executionKey } from "./execution-key.ts";
import { recallStep, type StepResult } from "./remembered-step.ts";

/**
 * The results that are remembered for a plan's steps, by their keys in the plan. A step that executes is known only if all
 * below it are.
 */
export async function recallPlan(
  { base, steps }: BuildPlan,
  store: Store,
): Promise<ReadonlyMap<Step["key"], StepResult>> {
  const results = new Map<Step["key"], StepResult>();
  let below: Digest[] | undefined = base.layers.map(({ diffId }) => diffId);
  for (const step of steps) {
    const key = step.kind !== "execute" ? step.key : below && executionKey(step, below);
    const result = key && (await recallStep(store, key));
    if (result) results.set(step.key, result);
    if (!result) below = undefined;
    else if (result.layer) below?.push(result.layer.diffId);
  }
  return results;
}

/** The diff IDs of our layers, up to and including a step; nothing where a result is not known. */
export function diffIdsThrough(
  { steps }: BuildPlan,
  last: Digest,
  results: ReadonlyMap<Step["key"], StepResult>,
): readonly Digest[] | undefined {
  const diffIds: Digest[] = [];
  for (const { key } of steps) {
    const result = results.get(key);
    if (!result) return undefined;
    if (result.layer) diffIds.push(result.layer.diffId);
    if (key === last) return diffIds;
  }
  return undefined;
}
