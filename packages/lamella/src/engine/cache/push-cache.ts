import pLimit from "p-limit";
import { sha256 } from "../../files/digest.ts";
import { InvalidDocumentError } from "../../oci/error.ts";
import { isBlobUnknown, RegistryNotFoundError } from "../../registry/error.ts";
import type { Repository } from "../../registry/repository.ts";
import type { Target } from "../export/target.ts";
import type { DeliveredLayer } from "../materialize/delivery.ts";
import { together } from "../together.ts";
import { cacheDocumentType, encodeCacheDocument } from "./cache-document.ts";
import { cacheManifest } from "./cache-manifest.ts";
import { mergeCaches } from "./merge-caches.ts";
import { type CachePlace, readCache, type StoredCache } from "./read-cache.ts";

/** Blobs on their way to the cache at once. */
const deliveries = 4;

/** Brings layers into the cache's repository. Raises the registry's errors. */
export async function pushLayers(
  layers: readonly Pick<DeliveredLayer, "layer" | "source">[],
  repository: Repository,
  target: Target,
  signal: AbortSignal,
): Promise<void> {
  const pushing = pLimit(deliveries);
  // The first failure ends these pushes, and nothing else of the build.
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  await together(
    { stop: (reason) => failed.abort(reason) },
    layers.map(({ layer, source }) =>
      pushing(async () => {
        either.throwIfAborted();
        const mountFrom = target.repository ?? source.mountFrom;
        await repository.pushBlob(layer, source.open, {
          signal: either,
          ...(mountFrom && { mountFrom }),
        });
      }),
    ),
  );
}

/**
 * Takes those layers into the cache's repository that the target's registry can mount there: no byte is sent. Gives those that
 * are there then. Raises the registry's errors.
 */
export async function mountLayers<T extends Pick<DeliveredLayer, "layer">>(
  layers: readonly T[],
  repository: Repository,
  { repository: from }: Target,
  signal: AbortSignal,
): Promise<T[]> {
  if (!from || from.pushHost !== repository.pushHost) return [];
  const mounting = pLimit(deliveries);
  const there = await Promise.all(
    layers.map((one) =>
      mounting(async () => {
        const { digest, size } = one.layer;
        if ((await repository.hasBlob(digest, { signal })) === size) return one;
        return (await repository.mount(digest, from, { signal })) ? one : undefined;
      }),
    ),
  );
  return there.filter((one) => one !== undefined);
}

/**
 * Adds a cache, whose layers are in the repository, to what is at its place. Two who do so at the same time: the last one
 * wins, and what the other knew is found out again. Raises the registry's errors, and NoCacheError.
 */
export async function pushCache(
  own: StoredCache,
  place: CachePlace,
  signal: AbortSignal,
): Promise<void> {
  const before = await cacheBefore(place, signal);
  try {
    await putCache(mergeCaches(own, before), place, signal);
  } catch (error) {
    // Somebody may have removed a blob that an earlier build put there.
    if (!before || !isBlobUnknown(error)) throw error;
    await putCache(mergeCaches(own, undefined), place, signal);
  }
}

/** What is damaged, or of another version, is replaced. */
async function cacheBefore(
  place: CachePlace,
  signal: AbortSignal,
): Promise<StoredCache | undefined> {
  try {
    return await readCache(place, signal);
  } catch (error) {
    const isUseless =
      error instanceof RegistryNotFoundError || error instanceof InvalidDocumentError;
    if (isUseless) return undefined;
    throw error;
  }
}

async function putCache(
  { document, layers }: StoredCache,
  { repository, tagOrDigest }: CachePlace,
  signal: AbortSignal,
): Promise<void> {
  const bytes = encodeCacheDocument(document);
  const config = { mediaType: cacheDocumentType, digest: sha256(bytes), size: bytes.length };
  await repository.pushBlob(config, (offset) => inMemory(bytes, offset), { signal });
  const manifest = cacheManifest(config, layers);
  await repository.pushManifest(manifest.bytes, manifest.descriptor.mediaType, tagOrDigest, {
    signal,
  });
}

async function* inMemory(
  bytes: Uint8Array,
  offset: number,
): AsyncGenerator<Uint8Array, void, void> {
  yield bytes.subarray(offset);
}
