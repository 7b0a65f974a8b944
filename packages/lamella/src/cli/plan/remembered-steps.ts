import type { Config } from "../../config/config.ts";
import { recallStep, type StepResult } from "../../engine/materialize/remembered-step.ts";
import type { BuildPlan, Step } from "../../engine/plan.ts";
import { Store } from "../../store/store.ts";
import { defaultStoreRoot } from "../../store/store-root.ts";

/** The results that the local store remembers of a plan's steps, by key: a build would not run these steps. */
export async function rememberedSteps(
  { steps }: BuildPlan,
  config: Config,
  env: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<Step["key"], StepResult>> {
  await using store = await Store.open(config.storeRoot ?? defaultStoreRoot(env));
  const known = new Map<Step["key"], StepResult>();
  for (const { key } of steps) {
    const result = await recallStep(store, key);
    if (result) known.set(key, result);
  }
  return known;
}
