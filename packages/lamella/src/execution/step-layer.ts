import { availableParallelism } from "node:os";
import { inTurns } from "../files/sliced-work.ts";
import type { Layer } from "../oci/descriptor.ts";
import { writeLayer } from "../oci/layer.ts";
import type { LayerEntry } from "../oci/layer-entry.ts";
import { mediaType } from "../oci/media-type.ts";
import type { Store } from "../store/store.ts";
import { MergedTree } from "./merged-tree.ts";
import { readUpper } from "./read-upper.ts";
import { machinePaths, type Rootfs } from "./rootfs.ts";
import { upperEntries } from "./upper-entries.ts";

/**
 * Writes what a command changed in a root filesystem as a layer into the store, compressed on all cores; nothing where
 * it changed nothing. No process may be running in it any more.
 *
 * Raises DiskFullError, InvalidEntryError, and what `readUpper` and `upperEntries` raise.
 */
export async function writeStepLayer(
  rootfs: Rootfs,
  store: Store,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Layer | undefined> {
  const { signal } = options;
  const upper = {
    path: rootfs.upper,
    image: new MergedTree(rootfs.image),
    mounted: new MergedTree([...rootfs.image, rootfs.machine]),
  };
  const read = readUpper(rootfs.upper, { leaveOut: machinePaths, signal });
  const entries = upperEntries(read, upper);
  // However the writing ends, and if it does not begin, the program that reads ends before.
  await using _ = { [Symbol.asyncDispose]: async () => void (await entries.return()) };
  const first = await entries.next();
  if (first.done === true) return undefined;
  await using blob = await store.blobs.create();
  const { diffId } = await writeLayer(inTurns(resumed(first.value, entries)), blob, {
    signal,
    compressors: availableParallelism(),
  });
  return { ...(await blob.commit()), diffId, mediaType: mediaType.layerGzip };
}

async function* resumed(
  first: LayerEntry,
  rest: AsyncIterable<LayerEntry>,
): AsyncGenerator<LayerEntry, void, void> {
  yield first;
  yield* rest;
}
