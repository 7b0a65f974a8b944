import type { Base } from "../../base/base.ts";
import type { Outline } from "../../base/outline.ts";
import type { FileTree } from "../../files/tree.ts";
import type { BuildPlan, Step } from "../plan.ts";
import type { Owner } from "./ground.ts";
import type { PlannedPackages } from "./plan-packages.ts";

/** A plan with what of this machine and this moment is needed to carry it out, and does not belong in a plan. */
export interface PreparedPlan {
  readonly plan: BuildPlan;
  readonly base: Base;
  /** The packages; absent without any. */
  readonly python?: PlannedPackages;
  /** What each source step copies, by the step's key. */
  readonly sources: ReadonlyMap<Step["key"], PreparedSource>;
}

/** What a source step copies, and onto what. */
export interface PreparedSource {
  readonly tree: FileTree;
  /** Absolute path in the image. */
  readonly destination: string;
  readonly owner: Owner;
  /** What lies below the step: its links are followed, its directories keep their owner and mode. */
  readonly outline: Outline;
}
