import type { Config } from "../../config/config.ts";
import { Journal } from "../../engine/journal.ts";
import { recallStep, type StepResult } from "../../engine/materialize/remembered-step.ts";
import type { BuildPlan, Step } from "../../engine/plan.ts";
import { openSession } from "../../engine/session.ts";

/**
 * The results that the local store, or a cache that the settings name, remembers of a plan's steps, by key: a build would
 * not run these steps.
 */
export async function rememberedSteps(
  { steps }: BuildPlan,
  config: Config,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ReadonlyMap<Step["key"], StepResult>> {
  // Whatever is to be said of the caches was said when the plan was made.
  await using session = await openSession(config, env, new Journal(() => undefined), signal);
  const known = new Map<Step["key"], StepResult>();
  for (const { key } of steps) {
    const result = await recallStep(session.store, key);
    if (result) known.set(key, result);
  }
  return known;
}
