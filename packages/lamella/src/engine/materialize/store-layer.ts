import type { FileEntry } from "../../files/entry.ts";
import { writeLayer } from "../../oci/layer.ts";
import type { Store } from "../../store/store.ts";
import type { MadeLayer } from "./layer-job.ts";

/** Writes entries as a layer into the store. Nothing is left there if they end with an error. */
export async function storeLayer(
  store: Store,
  entries: Iterable<FileEntry> | AsyncIterable<FileEntry>,
): Promise<MadeLayer> {
  await using blob = await store.blobs.create();
  const { diffId } = await writeLayer(entries, blob);
  return { ...(await blob.commit()), diffId };
}

/** {@link storeLayer}, or nothing when there are no entries: a wheel without Python files has no bytecode. */
export async function storeLayerUnlessEmpty(
  store: Store,
  entries: AsyncGenerator<FileEntry, void, void>,
): Promise<MadeLayer | undefined> {
  const first = await entries.next();
  if (first.done) return undefined;
  return storeLayer(store, resumed(first.value, entries));
}

async function* resumed<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T, void, void> {
  yield first;
  yield* rest;
}
