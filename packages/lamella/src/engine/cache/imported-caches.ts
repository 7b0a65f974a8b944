import { LamellaError } from "../../error.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { RegistryNotFoundError } from "../../registry/error.ts";
import type { Repository } from "../../registry/repository.ts";
import type { Journal } from "../journal.ts";
import { type CachePlace, readCache, type StoredCache } from "./read-cache.ts";
import { recipeOf } from "./travelling.ts";

/** A cache that has a layer. */
export interface CacheHolder {
  readonly repository: Repository;
  /** In full, for people. */
  readonly name: string;
}

interface ImportedCache extends CacheHolder {
  /** By namespace and key. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Sizes in bytes by digest. */
  readonly blobs: ReadonlyMap<string, number>;
}

/**
 * The caches that the command or the configuration names, fetched when something is asked of them for the first time,
 * and kept for one build: nothing of them gets into the store, where a build that does not name them would find it.
 *
 * A cache saves work and never decides whether a build succeeds. One that is not there yet is empty; one that cannot be
 * read is empty too, with a warning.
 */
export class ImportedCaches implements AsyncDisposable {
  readonly #places: readonly CachePlace[];
  readonly #journal: Journal;
  readonly #signal: AbortSignal;
  readonly #ended = new AbortController();
  /** Those that are no longer asked for layers. */
  readonly #left = new Set<Repository>();
  #caches: Promise<readonly ImportedCache[]> | undefined;

  /** The first place that knows something is believed. */
  constructor(places: readonly CachePlace[], journal: Journal, signal: AbortSignal) {
    this.#places = places;
    this.#journal = journal;
    this.#signal = AbortSignal.any([signal, this.#ended.signal]);
  }

  /** What the caches remember for a memo's key, not yet looked at; undefined where none does. */
  async recall(namespace: string, key: string): Promise<unknown> {
    if (recipeOf(namespace) === undefined) return undefined;
    for (const { values } of await this.#load()) {
      const value = values.get(valueKey(namespace, key));
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** The caches that have this blob, in this size, as their registries say now. */
  async *holders(
    blob: Pick<Descriptor, "digest" | "size">,
  ): AsyncGenerator<CacheHolder, void, void> {
    for (const cache of await this.#load()) {
      if (this.#left.has(cache.repository) || cache.blobs.get(blob.digest) !== blob.size) continue;
      if ((await this.#sizeIn(cache, blob)) === blob.size) yield cache;
    }
  }

  /**
   * From now on a cache that failed, maybe in the middle of a layer, holds none: others would have the same luck. It is said
   * once. Rethrows an error that is none of ours.
   */
  leave({ name, repository }: CacheHolder, error: unknown): void {
    if (!(error instanceof LamellaError)) throw error;
    if (this.#left.has(repository)) return;
    this.#left.add(repository);
    const message = `The cache ${name} failed, so layers that only it has are made anew: ${error.message}`;
    this.#journal.warn("cache-unreadable", message, error.hint);
  }

  /** A registry that fails now is as good as one that lacks the blob: then there is work to be done. */
  async #sizeIn(
    cache: CacheHolder,
    { digest }: Pick<Descriptor, "digest">,
  ): Promise<number | undefined> {
    try {
      return await cache.repository.hasBlob(digest, { signal: this.#signal });
    } catch (error) {
      this.#signal.throwIfAborted();
      this.leave(cache, error);
      return undefined;
    }
  }

  #load(): Promise<readonly ImportedCache[]> {
    this.#caches ??= Promise.all(this.#places.map((place) => this.#import(place))).then((caches) =>
      caches.filter((cache) => cache !== undefined),
    );
    return this.#caches;
  }

  #import(place: CachePlace): Promise<ImportedCache | undefined> {
    return this.#journal.task("cache", `from ${place.name}`, async (task) => {
      try {
        const cache = imported(await readCache(place, this.#signal), place);
        task.finish("done", { detail: `${cache.values.size} records` });
        return cache;
      } catch (error) {
        this.#signal.throwIfAborted();
        if (!(error instanceof LamellaError)) throw error;
        const isThere = !(error instanceof RegistryNotFoundError);
        task.finish("done", { detail: isThere ? "not read" : "not there yet" });
        if (isThere) {
          const message = `The cache ${place.name} was not read, so what it may know is done anew: ${error.message}`;
          this.#journal.warn("cache-unreadable", message, error.hint);
        }
        return undefined;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new Error("The build is over."));
    await this.#caches?.catch(() => undefined);
  }
}

/** What is of use to us: values of our own recipes, each the first for its key. */
function imported(
  { document, layers }: StoredCache,
  { repository, name }: CachePlace,
): ImportedCache {
  const values = new Map<string, unknown>();
  for (const { namespace, key, recipe, value } of document.records) {
    if (recipe !== recipeOf(namespace) || values.has(valueKey(namespace, key))) continue;
    values.set(valueKey(namespace, key), value);
  }
  return {
    repository,
    name,
    values,
    blobs: new Map(layers.map(({ digest, size }) => [digest, size])),
  };
}

function valueKey(namespace: string, key: string): string {
  return `${namespace} ${key}`;
}
