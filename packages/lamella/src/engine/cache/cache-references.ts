import type { CacheConfig } from "../../config/config.ts";
import { formatReference, parseReference, type Reference } from "../../image/reference.ts";
import type { RegistryClient } from "../../registry/client.ts";
import { CacheReferenceError } from "./error.ts";
import type { CachePlace } from "./read-cache.ts";

/** Where a cache is put, and where it is taken from: the first that knows something is believed. */
export interface CacheReferences {
  readonly to?: Reference;
  readonly from: readonly Reference[];
}

/** Parses what the command or the configuration names. Raises InvalidReferenceError and CacheReferenceError. */
export function cacheReferences({ to, from = [] }: CacheConfig): CacheReferences {
  const target = to === undefined ? undefined : parseReference(to);
  if (target?.digest !== undefined) {
    throw new CacheReferenceError(
      `A cache cannot be put to ${formatReference(target)}: a digest names what is there already.`,
      "Name a tag, for example ghcr.io/acme/trainer:cache.",
    );
  }
  return { ...(target && { to: target }), from: from.map(parseReference) };
}

/** Nothing is asked yet. */
export function cachePlace(reference: Reference, client: RegistryClient): CachePlace {
  return {
    // Straight from the registry that is named: what it says is believed, and a mirror may be behind the times.
    repository: client.repository(reference, { direct: true }),
    tagOrDigest: reference.digest ?? reference.tag ?? "latest",
    name: formatReference(reference),
  };
}
