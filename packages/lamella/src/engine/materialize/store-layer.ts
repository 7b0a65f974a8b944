import type { FileEntry } from "../../files/entry.ts";
import { inTurns } from "../../files/sliced-work.ts";
import { writeLayer } from "../../oci/layer.ts";
import type { Store } from "../../store/store.ts";
import type { MadeLayer } from "./layer-job.ts";

/** Where layers are put, and what ends their writing. */
export interface LayerStore {
  readonly store: Store;
  readonly signal: AbortSignal;
}

/** Writes entries as a layer into the store. Nothing is left there if they end with an error, or the signal ends them. */
export async function storeLayer(
  { store, signal }: LayerStore,
  entries: Iterable<FileEntry> | AsyncIterable<FileEntry>,
): Promise<MadeLayer> {
  await using blob = await store.blobs.create();
  // Thousands of small files can be written without waiting for anything: the signal would not be heard of.
  const { diffId } = await writeLayer(inTurns(entries), blob, { signal });
  return { ...(await blob.commit()), diffId };
}

/** {@link storeLayer}, or nothing when there are no entries: a wheel without Python files has no bytecode. */
export async function storeLayerUnlessEmpty(
  to: LayerStore,
  entries: AsyncGenerator<FileEntry, void, void>,
): Promise<MadeLayer | undefined> {
  const first = await entries.next();
  if (first.done) return undefined;
  return storeLayer(to, resumed(first.value, entries));
}

async function* resumed<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T, void, void> {
  yield first;
  yield* rest;
}
