import type { Digest } from "../../files/digest.ts";
import type { Target } from "../export/target.ts";
import type { RunningTask } from "../journal.ts";
import type { FileStep } from "../plan.ts";
import type { PreparedPlan } from "../resolve/prepared-plan.ts";
import type { LayerSource } from "../result.ts";
import type { Session } from "../session.ts";
import type { Delivery } from "./delivery.ts";
import { type FoundResult, findResult } from "./find-result.ts";
import { inlineEntries } from "./inline.ts";
import type { LayerJob, LayerJobResult } from "./layer-job.ts";
import type { LayerPool } from "./layer-pool.ts";
import { narrowOverlaps, recallNarrowing } from "./narrow-overlaps.ts";
import { rememberStep, type StepResult } from "./remembered-step.ts";
import { storeLayer } from "./store-layer.ts";
import type { WheelShelf } from "./wheel-shelf.ts";

/** What the steps of a build are made with, whichever platform they are for. */
export interface Workshop {
  readonly target: Target;
  readonly pool: LayerPool;
  readonly shelf: WheelShelf;
  /** What is being made or was, by key: many steps are the same for several platforms. */
  readonly begun: Map<Digest, Promise<StepOutcome>>;
  readonly delivery: Delivery;
  readonly session: Session;
}

/** Where layers may be that the store lacks, and how they get to the target where there is one. */
export type LayerPlaces = Pick<Workshop, "session"> &
  Partial<Pick<Workshop, "target" | "delivery">>;

/** A step's result, and whether it had to be made. */
export interface StepOutcome extends FoundResult {
  readonly source: LayerSource;
}

/**
 * Recalls a step's result if its blob is in the store, at the target or in a cache; else makes and remembers it. A step
 * that several platforms have is made for the first of them.
 */
export async function makeStep(
  step: FileStep,
  prepared: PreparedPlan,
  workshop: Workshop,
): Promise<StepOutcome> {
  const { begun } = workshop;
  const other = begun.get(step.key);
  if (other) return { ...(await other), source: "shared" };
  const making = recallOrMake(step, prepared, workshop);
  begun.set(step.key, making);
  return making;
}

async function recallOrMake(
  step: FileStep,
  prepared: PreparedPlan,
  workshop: Workshop,
): Promise<StepOutcome> {
  const { store, journal, signal } = workshop.session;
  signal.throwIfAborted();
  const about = { platform: prepared.plan.platform };
  const found = await findResult(step.key, { ...step, ...about }, workshop);
  if (found) {
    if (found.layer) journal.start("layer", step.title, about).finish("cached");
    if (step.kind === "overlaps" && workshop.session.exporting) {
      await recallNarrowing(step, prepared, workshop);
    }
    return { ...found, source: "cached" };
  }
  if (step.kind === "overlaps") {
    const narrow = await narrowOverlaps(step, prepared, workshop);
    if (narrow?.key !== step.key) {
      const outcome: StepOutcome = narrow
        ? await makeStep(narrow, prepared, workshop)
        : { source: "built" };
      await rememberStep(store, step.key, outcome.layer ? { layer: outcome.layer } : {});
      return outcome;
    }
  }
  const { layer, warnings } = await make(step, prepared, workshop);
  const result: StepResult = layer ? { layer } : {};
  await rememberStep(store, step.key, result);
  for (const warning of warnings) journal.warn("packages-overlap", warning);
  return { ...result, source: "built" };
}

async function make(
  step: FileStep,
  prepared: PreparedPlan,
  workshop: Workshop,
): Promise<LayerJobResult> {
  const { pool, session } = workshop;
  if (step.kind === "inline") {
    return { layer: await storeLayer(session, inlineEntries(step.entries)), warnings: [] };
  }
  const job = await layerJob(step, prepared, workshop);
  const about = { platform: prepared.plan.platform };
  let task: RunningTask | undefined;
  try {
    const result = await pool.run(job, weight(step, prepared), () => {
      // Most often nothing overlaps and there is no layer to speak of.
      if (job.kind !== "overlaps") task = session.journal.start("layer", step.title, about);
    });
    task?.finish("done", result.layer ? { bytes: result.layer.size } : {});
    return result;
  } catch (error) {
    task?.fail(error);
    throw error;
  }
}

type JobStep = Exclude<FileStep, { readonly kind: "inline" }>;

/** The job for a step, once the wheels that it needs are here. */
async function layerJob(
  step: JobStep,
  { plan, sources, python }: PreparedPlan,
  { shelf }: Workshop,
): Promise<LayerJob> {
  if (step.kind === "source") {
    const source = sources.get(step.key);
    if (!source) throw new Error(`No files for ${step.title}.`);
    return { kind: "source", ...source };
  }
  if (!python) throw new Error(`No Python for ${step.title}.`);
  const { target, compiler } = python;
  const wheels = await shelf.take(step.packages, python, plan.platform);
  switch (step.kind) {
    case "wheels":
      return { kind: "wheels", wheels, target };
    case "bytecode":
      if (!compiler) throw new Error(`No compiler for ${step.title}.`);
      return { kind: "bytecode", wheels, target, compiler: await compiler.find() };
    case "overlaps":
      return {
        kind: "overlaps",
        wheels,
        target,
        ...(compiler && { compiler: await compiler.find() }),
      };
  }
}

const effort = { wheels: 1, bytecode: 4, overlaps: 1 / 64 } as const;

/**
 * Bytes that go into a step: what takes long is begun early. Compiling a byte costs far more than wrapping one; to find
 * out what wheels share, only their directories are read.
 */
function weight(step: JobStep, { plan }: PreparedPlan): number {
  if (step.kind === "source") return step.size;
  const size = step.packages.reduce((sum, index) => sum + (plan.packages[index]?.size ?? 0), 0);
  return size * effort[step.kind];
}
