import type { Config } from "../../config/config.ts";
import { Journal } from "../../engine/journal.ts";
import { recallPlan } from "../../engine/materialize/recall-plan.ts";
import type { StepResult } from "../../engine/materialize/remembered-step.ts";
import type { BuildPlan, Step } from "../../engine/plan.ts";
import { openSession } from "../../engine/session.ts";

/**
 * The results that the local store, or a cache that the settings name, remembers of a plan's steps, by key: a build would
 * not run these steps.
 */
export async function rememberedSteps(
  plan: BuildPlan,
  config: Config,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ReadonlyMap<Step["key"], StepResult>> {
  // Whatever is to be said of the caches was said when the plan was made.
  await using session = await openSession(config, env, new Journal(() => undefined), signal);
  return await recallPlan(plan, session.store);
}
