import { recallOutline } from "../../base/outline-memo.ts";
import { stackOutlineKey } from "../../base/stack-outline.ts";
import { NoWheelError } from "../../python/resolution-error.ts";
import type { Repository } from "../../registry/repository.ts";
import type { MadeLayer } from "../materialize/layer-job.ts";
import type { StepOutcome } from "../materialize/make-step.ts";
import { diffIdsThrough, recallPlan } from "../materialize/recall-plan.ts";
import type { StepResult } from "../materialize/remembered-step.ts";
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
  const { plan } = prepared;
  const through = plan.steps.slice(0, plan.steps.findIndex((one) => one.key === boundary.step) + 1);
  const made = through.map((step) => results.get(step.key) ?? {});
  const layers = await storedLayers(made, session);
  let above: PreparedPlan;
  try {
    above = await prepared.above(boundary, { key, outline, layers });
  } catch (error) {
    // What is built from source stands on the layers below, wherever they are.
    if (!(error instanceof NoWheelError) || layers) throw error;
    const elsewhere = await cachedLayers(made, session);
    // It is planned when they are made.
    if (!elsewhere) return prepared;
    above = await prepared.above(boundary, { key, outline, layers: elsewhere });
  }
  return withMemory(above, session);
}

/** The layers of some steps, if the store has all of them. */
async function storedLayers(
  results: readonly StepResult[],
  session: Session,
): Promise<FoundLayers | undefined> {
  const outcomes: StepOutcome[] = [];
  for (const { layer } of results) {
    if (layer && (await session.store.blobs.has(layer.digest)) !== layer.size) return undefined;
    outcomes.push({ ...(layer ? { layer } : {}), source: "cached" });
  }
  return { outcomes, places: { session } };
}

/** The layers of some steps, if each is in the store or in a cache. Nothing is fetched. */
async function cachedLayers(
  results: readonly StepResult[],
  session: Session,
): Promise<FoundLayers | undefined> {
  const outcomes: StepOutcome[] = [];
  for (const { layer } of results) {
    const isHere = !layer || (await session.store.blobs.has(layer.digest)) === layer.size;
    const holder = isHere ? undefined : await holderOf(layer, session);
    if (!isHere && !holder) return undefined;
    outcomes.push({ ...(layer && { layer }), source: "cached", ...(holder && { holder }) });
  }
  return { outcomes, places: { session } };
}

async function holderOf(layer: MadeLayer, { caches }: Session): Promise<Repository | undefined> {
  for await (const { repository } of caches.holders(layer)) return repository;
  return undefined;
}
