import type { StepResult } from "../../engine/materialize/remembered-step.ts";
import type { BuildPlan, Step } from "../../engine/plan.ts";
import type { Digest } from "../../files/digest.ts";

/** A plan with what is known here and now of what it plans: an element of `lamella plan --json`. */
export interface PlanRecord extends Omit<BuildPlan, "steps"> {
  /** The name under which the definition file exports the image. */
  readonly export: string;
  readonly uri: string;
  /** What the image's tag refers to, if it is there for all wanted platforms: then a build makes nothing. */
  readonly existing?: Digest;
  readonly steps: readonly PlannedStep[];
}

/** A step, and what is remembered of it. */
export type PlannedStep = Step & {
  readonly state: "cached" | "to make" | "to run";
  /** The layer of a step that is cached; absent if it had no files. */
  readonly layer?: NonNullable<StepResult["layer"]>;
};

/** Adds to a plan what is remembered of its steps, by key. */
export function planRecord(
  plan: BuildPlan,
  image: Pick<PlanRecord, "export" | "uri" | "existing">,
  known: ReadonlyMap<Step["key"], StepResult>,
): PlanRecord {
  const steps = plan.steps.map((step): PlannedStep => {
    const result = known.get(step.key);
    const { layer } = result ?? {};
    const missing = step.kind === "execute" ? "to run" : "to make";
    return { ...step, state: result ? "cached" : missing, ...(layer && { layer }) };
  });
  const { export: name, uri, existing } = image;
  return { export: name, uri, ...(existing && { existing }), ...plan, steps };
}
