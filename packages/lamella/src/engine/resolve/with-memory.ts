import { recallOutline } from "../../base/outline-memo.ts";
import { stackOutlineKey } from "../../base/stack-outline.ts";
import { NoWheelError } from "../../python/resolution-error.ts";
import type { StepOutcome } from "../materialize/make-step.ts";
import { diffIdsThrough, recallPlan } from "../materialize/recall-plan.ts";
import type { StepResult } from "../materialize/remembered-step.ts";
import type { Step } from "../plan.ts";
import type { Session } from "../session.ts";
import type { FoundLayers, PreparedPlan } from "./prepared-plan.ts";

/** The plan made again above each of its boundaries, as far up as it is remembered what was executed below, and left. */
export async function withMemory(prepared: PreparedPlan, session: Session): Promise<PreparedPlan> {
  const { store } = session;
  const boundary = prepared.boundaries.find(({ found }) => found === undefined);
  if (!boundary) return prepared;
  const results = await recallPlan(prepared.plan, store);
  const diffIds = diffIdsThrough(prepared.plan, boundary.step, results);
  const key = diffIds && stackOutlineKey(prepared.base, diffIds);
  const outline = key && (await recallOutline(key, store));
  if (!outline) return prepared;
  const layers = await storedLayers(prepared, boundary.step, results, session);
  let above: PreparedPlan;
  try {
    above = await prepared.above(boundary, { key, outline, layers });
  } catch (error) {
    // What is built from source stands on layers that are elsewhere: it is planned when they are fetched.
    if (!(error instanceof NoWheelError) || layers) throw error;
    return prepared;
  }
  return withMemory(above, session);
}

/** The layers of the steps through one of them, if the store has them. */
async function storedLayers(
  { plan }: PreparedPlan,
  last: Step["key"],
  results: ReadonlyMap<Step["key"], StepResult>,
  session: Session,
): Promise<FoundLayers | undefined> {
  const through = plan.steps.slice(0, plan.steps.findIndex(({ key }) => key === last) + 1);
  const outcomes: StepOutcome[] = [];
  for (const { key } of through) {
    const { layer } = results.get(key) ?? {};
    if (layer && (await session.store.blobs.has(layer.digest)) !== layer.size) return undefined;
    outcomes.push({ ...(layer ? { layer } : {}), source: "cached" });
  }
  return { outcomes, places: { session } };
}
