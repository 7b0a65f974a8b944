import { isDeepStrictEqual } from "node:util";
import { recallOutline } from "../../base/outline-memo.ts";
import { readStackOutline, stackOutlineKey } from "../../base/stack-outline.ts";
import type { Digest } from "../../files/digest.ts";
import type { Layer } from "../../oci/descriptor.ts";
import { mediaType } from "../../oci/media-type.ts";
import type { MaterializedPlan } from "../assemble.ts";
import type { Executions } from "../execute/executions.ts";
import type { Step } from "../plan.ts";
import type { Boundary, PreparedPlan } from "../resolve/prepared-plan.ts";
import { layerAnnotations } from "./annotations.ts";
import { blobSource } from "./blob-source.ts";
import { deliverBaseLayer } from "./deliver-base.ts";
import type { DeliveredLayer } from "./delivery.ts";
import { makeStep, type StepOutcome, type Workshop } from "./make-step.ts";
import { fetchOwnLayers } from "./own-layers.ts";

/** A step that was begun. */
interface Work {
  readonly outcome: Promise<StepOutcome>;
  /** Its layer at the target; nothing where it has none. */
  readonly delivered: Promise<DeliveredLayer | undefined>;
}

/**
 * Turns a plan's steps into layers at the target, and gives them in the plan's order, the base's first, with the plan as it
 * was in the end.
 *
 * Steps that only place files do not wait for each other, nor for steps that execute: each layer is made as soon as what
 * it needs is there, and is on its way while the next is made. Above a step that executes this is done in hope: when that is
 * done, the plan is made again from what it left, and work for a key that is no longer in it was in vain. A failure of such
 * work counts only if its step is still in the plan.
 */
export async function materialize(
  planned: PreparedPlan,
  workshop: Workshop,
  executions: Executions,
): Promise<MaterializedPlan> {
  const { session, delivery } = workshop;
  const { base } = planned;
  const { platform } = planned.plan;
  const works = new Map<Step["key"], Work>();
  const begun: Promise<unknown>[] = [];
  const track = <T>(work: Promise<T>): Promise<T> => {
    work.catch(() => undefined);
    begun.push(work);
    return work;
  };
  const needed = (work: Promise<unknown>): void => void work.catch(session.stop);

  const begin = (step: Step, { plan }: PreparedPlan, make: () => Promise<StepOutcome>): void => {
    if (works.has(step.key)) return;
    const outcome = track(make());
    const delivered = track(
      outcome.then(async (made): Promise<DeliveredLayer | undefined> => {
        if (!made.layer) return undefined;
        const layer: Layer = {
          ...made.layer,
          mediaType: mediaType.layerGzip,
          annotations: layerAnnotations(step, plan),
        };
        const source = blobSource(layer, made.holder, session);
        const about = { title: step.title, from: made.source, platform };
        return { ...(await delivery.deliver(layer, about, source)), step };
      }),
    );
    works.set(step.key, { outcome, delivered });
  };
  const workOf = ({ key }: Step): Work => {
    const work = works.get(key);
    if (!work) throw new Error(`The step ${key} was not begun.`);
    return work;
  };

  try {
    const ofBase = base.layers.map((layer) => track(deliverBaseLayer(layer, base, workshop)));
    ofBase.forEach(needed);
    const passed = new Set<Digest>();
    let next = planned;
    for (;;) {
      const prepared = next;
      const { steps } = prepared.plan;
      const boundary = prepared.boundaries.find(({ step }) => !passed.has(step));
      const settled = boundary
        ? steps.slice(0, steps.findIndex(({ key }) => key === boundary.step) + 1)
        : steps;
      for (const step of steps) {
        if (step.kind !== "execute")
          begin(step, prepared, () => makeStep(step, prepared, workshop));
      }
      for (const [at, step] of settled.entries()) {
        const below = settled.slice(0, at);
        if (step.kind === "execute") {
          begin(step, prepared, async () =>
            executions.make(step, await outcomesOf(below.map(workOf)), workshop),
          );
        }
        needed(workOf(step).delivered);
      }
      if (!boundary) {
        const layers = await Promise.all([
          ...ofBase,
          ...steps.map((step) => workOf(step).delivered),
        ]);
        return { prepared, layers: layers.filter((layer) => layer !== undefined) };
      }
      const made = await outcomesOf(settled.map(workOf));
      passed.add(boundary.step);
      next = await planAbove(boundary, made, prepared, workshop);
    }
  } catch (error) {
    session.stop(error);
    throw error;
  } finally {
    await Promise.allSettled(begun);
  }
}

function outcomesOf(works: readonly Work[]): Promise<StepOutcome[]> {
  return Promise.all(works.map(({ outcome }) => outcome));
}

/** The plan as it is when the steps through that of a boundary have given these results. */
async function planAbove(
  boundary: Boundary,
  made: readonly StepOutcome[],
  prepared: PreparedPlan,
  workshop: Workshop,
): Promise<PreparedPlan> {
  const { session } = workshop;
  const { base } = prepared;
  const diffIds = made.flatMap(({ layer }) => layer?.diffId ?? []);
  const key = stackOutlineKey(base, diffIds);
  if (boundary.found?.key === key) return prepared;
  const { store, signal } = session;
  const outline =
    (await recallOutline(key, store)) ??
    (await readStackOutline(base, await fetchOwnLayers(made, workshop), { store, signal }));
  const again = await prepared.above(boundary, {
    key,
    outline,
    layers: { outcomes: made, places: workshop },
  });
  if (!isDeepStrictEqual(again.plan, prepared.plan)) {
    session.journal.write({ kind: "planned", plan: again.plan });
  }
  return again;
}
