import type { Descriptor } from "../../oci/descriptor.ts";
import { invalidDocument } from "../../oci/json.ts";
import type { Repository } from "../../registry/repository.ts";
import { type CacheDocument, decodeCacheDocument, longestDocument } from "./cache-document.ts";
import { isCacheManifest, parseCacheManifest } from "./cache-manifest.ts";
import { NoCacheError } from "./error.ts";

/** A cache as it is in its repository. */
export interface StoredCache {
  readonly document: CacheDocument;
  /** The blobs that it speaks of, all in the repository. */
  readonly layers: readonly Descriptor[];
}

/** Where a cache is: a tag or digest of a repository. */
export interface CachePlace {
  readonly repository: Repository;
  readonly tagOrDigest: string;
  /** In full, for people. */
  readonly name: string;
}

/**
 * Reads a cache: two requests. Raises the registry's errors (RegistryNotFoundError where there is nothing), NoCacheError
 * for something else than a cache, and InvalidDocumentError for one that is damaged or of another version.
 */
export async function readCache(place: CachePlace, signal: AbortSignal): Promise<StoredCache> {
  const { config, layers } = parseCacheManifest(await readManifest(place, signal));
  if (config.size > longestDocument) {
    throw invalidDocument("cache's document", `it has ${config.size} bytes`);
  }
  const chunks = await Array.fromAsync(place.repository.blob(config, { signal }));
  return { document: decodeCacheDocument(Buffer.concat(chunks)), layers };
}

/** The manifest of a cache, of whatever version. Raises the registry's errors and NoCacheError. */
export async function readManifest(
  { repository, tagOrDigest, name }: CachePlace,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { bytes } = await repository.manifest(tagOrDigest, { signal });
  if (isCacheManifest(bytes)) return bytes;
  throw new NoCacheError(
    `${name} is something else than a cache.`,
    "Name a tag of its own for the cache, for example ghcr.io/acme/trainer:cache.",
  );
}
