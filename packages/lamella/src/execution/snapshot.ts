import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import pLimit from "p-limit";
import * as z from "zod/mini";
import { type Digest, digestHex } from "../files/digest.ts";
import { decompressLayer } from "../oci/decompress.ts";
import type { Layer } from "../oci/descriptor.ts";
import { storeFault } from "../store/error.ts";
import { acquireLock } from "../store/lock.ts";
import type { Store } from "../store/store.ts";
import { DiffIdMismatchError } from "./error.ts";
import type { SnapshotRecord } from "./overlay-entries.ts";
import { unpackLayer } from "./unpack.ts";
import { mappedIds } from "./user-namespace.ts";

/** A layer, unpacked as an overlayfs lower directory. */
export interface Snapshot extends SnapshotRecord {
  readonly diffId: Digest;
  /** Absolute path of the lower directory. Nothing in it may be changed. */
  readonly path: string;
}

export interface UnpackOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told for each piece of a layer that is unpacked; `bytes` is its length in the blob. */
  readonly onProgress?: ((layer: Layer, bytes: number) => void) | undefined;
}

/** Of the snapshots whose files have the owners that layers say. */
const allIdsFolder = "sha256";

const paths = z.array(z.string());
const recordSchema = z.object({ implied: paths, opaque: paths, attributed: paths });

/**
 * The snapshots of an image's layers, lowest first; those that the store does not have yet are unpacked from its blobs,
 * as many at once as there are cores. Needs root.
 *
 * Raises BlobNotFoundError, CorruptBlobError, {@link DiffIdMismatchError}, DiskFullError, and what unpacking raises.
 */
export async function unpackSnapshots(
  layers: readonly Layer[],
  store: Store,
  options: UnpackOptions = {},
): Promise<Snapshot[]> {
  const limit = pLimit(availableParallelism());
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal ? [options.signal] : [])]);
  const snapshots = new Map<Digest, Promise<Snapshot>>();
  // The largest first: begun last, everybody would wait for it at the end.
  for (const layer of [...layers].sort((a, b) => b.size - a.size)) {
    if (snapshots.has(layer.diffId)) continue;
    const snapshot = limit(() => ensureSnapshot(layer, store, { ...options, signal }));
    snapshot.catch((error: unknown) => failed.abort(error));
    snapshots.set(layer.diffId, snapshot);
  }
  // One failure stops the others, and nothing runs on behind the caller's back.
  await Promise.allSettled(snapshots.values());
  if (failed.signal.aborted) throw failed.signal.reason;
  return await Promise.all(layers.map(({ diffId }) => snapshots.get(diffId) as Promise<Snapshot>));
}

async function ensureSnapshot(
  layer: Layer,
  store: Store,
  options: UnpackOptions,
): Promise<Snapshot> {
  options.signal?.throwIfAborted();
  const kept = await readSnapshot(layer.diffId, store, options);
  if (kept !== undefined) return kept;
  // Another process that is at it now will be done sooner than we.
  await using _ = await acquireLock(store, `snapshot ${layer.diffId}`, options);
  return (
    (await readSnapshot(layer.diffId, store, options)) ??
    (await createSnapshot(layer, store, options))
  );
}

async function createSnapshot(
  layer: Layer,
  store: Store,
  options: UnpackOptions,
): Promise<Snapshot> {
  const { signal, onProgress } = options;
  await using scratch = await store.scratch("snapshot");
  const folder = join(scratch.path, "snapshot");
  const target = snapshotFolder(layer.diffId, store);
  try {
    // Before any file has another owner: by this folder it is known that some may (mayBeForeign).
    await mkdir(dirname(target), { recursive: true });
    await mkdir(join(folder, "fs"), { recursive: true, mode: 0o755 });
    const blob = progress(store.blobs.read(layer.digest, { signal }), (bytes) =>
      onProgress?.(layer, bytes),
    );
    const tar = decompressLayer(blob, layer.mediaType, signal === undefined ? {} : { signal });
    const { diffId, ...record } = await unpackLayer(tar, join(folder, "fs"), { signal });
    if (diffId !== layer.diffId) throw diffIdMismatch(layer, diffId);
    await writeFile(join(folder, "snapshot.json"), JSON.stringify(record));
    // What is there has no readable record.
    await rm(target, { recursive: true, force: true });
    await rename(folder, target);
    return { diffId, path: join(target, "fs"), ...record };
  } catch (error) {
    throw storeFault(error, target);
  }
}

async function readSnapshot(
  diffId: Digest,
  store: Store,
  { signal }: UnpackOptions,
): Promise<Snapshot | undefined> {
  const folder = snapshotFolder(diffId, store);
  if (!(await store.claimFolder(folder, { signal }))) return undefined;
  try {
    const record = recordSchema.parse(
      JSON.parse(await readFile(join(folder, "snapshot.json"), "utf8")),
    );
    return { diffId, path: join(folder, "fs"), ...record };
  } catch {
    return undefined;
  }
}

/**
 * Whether there may be files in the store of this user's subordinate ids, which he can neither see nor remove but in a
 * user namespace.
 */
export async function mayBeForeign(store: Store): Promise<boolean> {
  if (process.geteuid?.() === 0) return false;
  const names = await readdir(store.path("snapshots")).catch(() => []);
  return names.some((name) => name !== allIdsFolder);
}

function snapshotFolder(diffId: Digest, store: Store): string {
  // Files have other owners on disk where ids are mapped.
  return store.path("snapshots", mappedIds() ?? allIdsFolder, digestHex(diffId));
}

async function* progress(
  stream: AsyncIterable<Uint8Array>,
  told: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of stream) {
    told(chunk.length);
    yield chunk;
  }
}

function diffIdMismatch(layer: Layer, actual: Digest): DiffIdMismatchError {
  return new DiffIdMismatchError(
    `The layer ${layer.digest} should unpack to the tar ${layer.diffId}, but its tar is ${actual}.`,
    "The image's config is wrong or was tampered with. Build and push the image anew.",
  );
}
