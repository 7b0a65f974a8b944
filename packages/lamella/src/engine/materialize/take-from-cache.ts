import type { Layer } from "../../oci/descriptor.ts";
import type { Repository } from "../../registry/repository.ts";
import type { CacheHolder } from "../cache/imported-caches.ts";
import { blobSource } from "./blob-source.ts";
import type { DeliveryWords } from "./delivery.ts";
import type { LayerPlaces } from "./make-step.ts";

/**
 * Brings a layer from a cache to the target, where there is one, and gives the cache's repository; undefined where none has
 * the layer, or all that do failed on the way, which is worth a warning. Raises what the target raises.
 */
export async function takeFromCache(
  layer: Layer,
  about: DeliveryWords,
  places: LayerPlaces,
): Promise<Repository | undefined> {
  for await (const cache of places.session.caches.holders(layer)) {
    if (await take(layer, cache, about, places)) return cache.repository;
  }
  return undefined;
}

async function take(
  layer: Layer,
  cache: CacheHolder,
  about: DeliveryWords,
  { session, delivery }: LayerPlaces,
): Promise<boolean> {
  if (!delivery) return true;
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
    await delivery.deliver(layer, about, { ...source, open });
    return true;
  } catch (error) {
    session.signal.throwIfAborted();
    if (!failure) throw error;
    session.caches.leave(cache, failure.error);
    return false;
  }
}
