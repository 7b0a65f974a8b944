import { type Digest, sha256 } from "../files/digest.ts";
import type { Reference } from "../image/reference.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { parseManifest } from "../oci/manifest.ts";
import type { Repository } from "../registry/repository.ts";
import { BlobNotFoundError, CorruptBlobError } from "../store/error.ts";
import type { Store } from "../store/store.ts";
import { OversizedDocumentError } from "./error.ts";

/** Where a base comes from, and where it is kept. */
export interface BaseSource {
  readonly repository: Repository;
  readonly store: Store;
  readonly signal: AbortSignal | undefined;
}

/** A document of more bytes is not read. */
const longestDocument = 8 * 1024 * 1024;

/** The manifest or index that a reference names. */
export async function fetchTop(
  { digest, tag }: Reference,
  source: BaseSource,
): Promise<{ readonly descriptor: Descriptor; readonly bytes: Uint8Array }> {
  const { repository, store, signal } = source;
  const stored = digest && (await readDocument(digest, store));
  if (digest !== undefined && stored !== undefined) {
    const { mediaType: type } = parseManifest(stored);
    // Only a document that names its own type says the same without the registry's header.
    if (type !== undefined) {
      return { descriptor: { mediaType: type, digest, size: stored.length }, bytes: stored };
    }
  }
  const fetched = await repository.manifest(digest ?? tag ?? "latest", signal ? { signal } : {});
  await keepDocument(fetched.descriptor.digest, fetched.bytes, store);
  return fetched;
}

/** A platform's manifest, by its digest. */
export async function fetchManifest(digest: Digest, source: BaseSource): Promise<Uint8Array> {
  const stored = await readDocument(digest, source.store);
  if (stored !== undefined) return stored;
  const { repository, store, signal } = source;
  const { bytes } = await repository.manifest(digest, signal ? { signal } : {});
  await keepDocument(digest, bytes, store);
  return bytes;
}

/** An image's config. Raises OversizedDocumentError before one that is too long is fetched. */
export async function fetchConfig(descriptor: Descriptor, source: BaseSource): Promise<Uint8Array> {
  const { repository, store, signal } = source;
  const stored = await readDocument(descriptor.digest, store);
  if (stored !== undefined) return stored;
  if (descriptor.size > longestDocument) {
    throw new OversizedDocumentError(
      `The base's config has ${descriptor.size} bytes; ${longestDocument} are the most that is read.`,
      "Use another base.",
    );
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of repository.blob(descriptor, signal ? { signal } : {})) {
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  await keepDocument(descriptor.digest, bytes, store);
  return bytes;
}

/**
 * Documents as memos too, by digest: those of a base travel in caches, so that a machine that has one need not ask the base's
 * registry for what a lock names.
 */
const namespace = "base-document";

/** A longer document stays on its machine. A large index has some 50 kB. */
const longestMemo = 512 * 1024;

async function keepDocument(digest: Digest, bytes: Uint8Array, store: Store): Promise<void> {
  await store.blobs.put(bytes);
  await rememberDocument(digest, bytes, store);
}

async function rememberDocument(digest: Digest, bytes: Uint8Array, store: Store): Promise<void> {
  const text = Buffer.from(bytes).toString("utf8");
  const isText = bytes.length <= longestMemo && Buffer.from(text).equals(bytes);
  if (isText) await store.memos.put(namespace, digest, text);
}

/** A document that is remembered, or in the store; undefined where it is not there, or damaged. */
async function readDocument(digest: Digest, store: Store): Promise<Uint8Array | undefined> {
  const remembered = await store.memos.get(namespace, digest, (value) => {
    const bytes = Buffer.from(String(value));
    if (sha256(bytes) !== digest) throw new Error(`Not the document ${digest}.`);
    return bytes;
  });
  if (remembered !== undefined) return remembered;
  if (((await store.blobs.has(digest)) ?? Number.POSITIVE_INFINITY) > longestDocument) {
    return undefined;
  }
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of store.blobs.read(digest)) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    await rememberDocument(digest, bytes, store);
    return bytes;
  } catch (error) {
    // A damaged blob is gone with that, and fetched again.
    if (error instanceof CorruptBlobError || error instanceof BlobNotFoundError) return undefined;
    throw error;
  }
}
