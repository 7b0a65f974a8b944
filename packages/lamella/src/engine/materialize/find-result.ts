import type { Digest } from "../../files/digest.ts";
import type { Platform } from "../../image/platform.ts";
import type { Layer } from "../../oci/descriptor.ts";
import { mediaType } from "../../oci/media-type.ts";
import type { Repository } from "../../registry/repository.ts";
import { annotation } from "../annotation.ts";
import type { CacheHolder } from "../cache/imported-caches.ts";
import type { Step } from "../plan.ts";
import { blobSource } from "./blob-source.ts";
import type { MadeLayer } from "./layer-job.ts";
import type { LayerPlaces } from "./make-step.ts";
import { recallStep, recallStepElsewhere, type StepResult } from "./remembered-step.ts";

/** A step's result that is remembered, and whose layer somebody has. */
export interface FoundResult extends StepResult {
  /** A repository that has the layer, where the store does not. */
  readonly holder?: Repository;
}

/** What is said of a layer on its way. */
type About = Pick<Step, "kind" | "title"> & { readonly platform: Platform };

/**
 * A step's remembered result, with who has its layer: what this machine remembers, else, where that layer is gone, what a
 * cache does. Two machines that executed one step may have other layers.
 *
 * A layer that only a cache has is brought to the target at once, since a cache may fail in the middle of it: then the
 * result counts as not found, and the step is made as if there were no such cache.
 */
export async function findResult(
  key: Digest,
  about: About,
  places: LayerPlaces,
): Promise<FoundResult | undefined> {
  const { store, caches } = places.session;
  const recalled = await recallStep(store, key);
  const found = recalled && (await findLayer(recalled, about, places));
  if (found || !recalled) return found;
  const elsewhere = await recallStepElsewhere(caches, key);
  return elsewhere && (await findLayer(elsewhere, about, places));
}

/** The result with who has its layer; nothing where nobody does. */
async function findLayer(
  result: StepResult,
  about: About,
  places: LayerPlaces,
): Promise<FoundResult | undefined> {
  const { session, target } = places;
  const { layer } = result;
  if (!layer || (await session.store.blobs.has(layer.digest)) === layer.size) return result;
  if (target && (await target.has(layer))) {
    const { repository } = target;
    return { layer, ...(repository && { holder: repository }) };
  }
  for await (const cache of session.caches.holders(layer)) {
    if (await take(layer, cache, about, places)) {
      return { layer, holder: target?.repository ?? cache.repository };
    }
  }
  return undefined;
}

/** Brings a cache's layer to the target, where there is one. Says whether the cache gave it. */
async function take(
  made: MadeLayer,
  cache: CacheHolder,
  { kind, title, platform }: About,
  { session, delivery }: LayerPlaces,
): Promise<boolean> {
  if (!delivery) return true;
  const annotations = { [annotation.title]: title, [annotation.kind]: kind };
  const layer: Layer = { ...made, mediaType: mediaType.layerGzip, annotations };
  const source = blobSource(layer, cache.repository, session);
  let failure: { readonly error: unknown } | undefined;
  const open = async function* (offset: number): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* source.open(offset);
    } catch (error) {
      failure = { error };
      throw error;
    }
  };
  try {
    await delivery.deliver(layer, { title, from: "cached", platform }, { ...source, open });
    return true;
  } catch (error) {
    session.signal.throwIfAborted();
    if (!failure) throw error;
    session.caches.leave(cache, failure.error);
    return false;
  }
}
