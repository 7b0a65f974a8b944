import type { Base } from "../../base/base.ts";
import type { Outline } from "../../base/outline.ts";
import type { LamellaError } from "../../error.ts";
import type { Digest } from "../../files/digest.ts";
import type { FileTree } from "../../files/tree.ts";
import type { LayerPlaces, StepOutcome } from "../materialize/make-step.ts";
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
  /** Where the plan is made again when more is known, the lowest first. */
  readonly boundaries: readonly Boundary[];
  /** Why what lies above the last boundary could not be planned yet; it is `pending` in the plan. */
  readonly pending?: LamellaError;
  /** The plan, made again from a boundary on, with what is now known to lie there. */
  readonly above: (boundary: Boundary, found: FoundOutline) => Promise<PreparedPlan>;
}

/** The highest of some steps that execute, above which files are placed. */
export interface Boundary {
  /** Key of that step. */
  readonly step: Digest;
  /** Index of the stage that it ends. */
  readonly stage: number;
  /** The outline that the plan above was made with; absent where that is only assumed. */
  readonly found?: FoundOutline;
}

/** The outline of a stack of layers. */
export interface FoundOutline {
  /** Of the layers and the environment: two stacks with one key have one outline. */
  readonly key: Digest;
  readonly outline: Outline;
  /** The layers themselves; absent where they are only remembered, and not here. */
  readonly layers?: FoundLayers | undefined;
}

/** Layers above a base that are there, the lowest first. */
export interface FoundLayers {
  readonly outcomes: readonly StepOutcome[];
  /** Where those are that the store lacks. */
  readonly places: LayerPlaces;
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
