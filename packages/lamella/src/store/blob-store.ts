import { createHash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestHex, sha256 } from "../files/digest.ts";
import { spend } from "../files/spent-memory.ts";
import { BlobWriter, type StoredBlob } from "./blob-writer.ts";
import { claim } from "./claim.ts";
import { BlobNotFoundError, CorruptBlobError, isNotFound } from "./error.ts";
import { acquireLock } from "./lock.ts";
import type { Session } from "./session.ts";

export interface ReadBlobOptions {
  /** Bytes to leave out at the beginning; 0 where absent. */
  readonly offset?: number;
  readonly signal?: AbortSignal | undefined;
}

// Bytes of one read.
const chunkSize = 256 * 1024;

/** Content by its digest. A blob is there whole or not at all, whoever writes, and however often. */
export class BlobStore {
  readonly #root: string;
  readonly #session: () => Promise<Session>;

  /** `root` has the folders `blobs/sha256` and `partial`. */
  constructor(root: string, session: () => Promise<Session>) {
    this.#root = root;
    this.#session = session;
  }

  /** Where the blob is, if it is there. The path is that of an OCI image layout. */
  path(digest: Digest): string {
    return join(this.#root, "blobs", "sha256", digestHex(digest));
  }

  /**
   * The blob's size in bytes; undefined when it is not there. Its content is not looked at. It is not pruned as long as
   * this store has a session.
   */
  async has(digest: Digest): Promise<number | undefined> {
    return claim(this.#root, this.path(digest))?.size;
  }

  /**
   * Streams a blob's content. Chunks are the caller's to keep. Raises {@link BlobNotFoundError}. Read from its beginning
   * to its end, it is hashed: one that is damaged is removed, and {@link CorruptBlobError} is raised after the last chunk.
   */
  async *read(
    digest: Digest,
    options: ReadBlobOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { offset = 0, signal } = options;
    const path = this.path(digest);
    claim(this.#root, path);
    await using file = await open(path).catch((error: unknown) => {
      throw isNotFound(error) ? notFound(digest, error) : error;
    });
    const hash = offset === 0 ? createHash("sha256") : undefined;
    let position = offset;
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead, buffer } = await file.read(
        Buffer.allocUnsafeSlow(chunkSize),
        0,
        chunkSize,
        position,
      );
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      hash?.update(chunk);
      position += bytesRead;
      spend(bytesRead);
      yield chunk;
    }
    if (hash !== undefined && hash.digest("hex") !== digestHex(digest)) {
      await this.remove(digest);
      throw new CorruptBlobError(
        `The blob ${digest} in the store was damaged (${position} bytes at ${path}), and is removed.`,
        "Run the command again: it is fetched or made anew.",
      );
    }
  }

  /** Stores bytes that are in memory. Raises DiskFullError. */
  async put(bytes: Uint8Array): Promise<StoredBlob> {
    const digest = sha256(bytes);
    await using writer = await this.create(digest);
    await writer.write(bytes);
    return await writer.commit();
  }

  /** Begins a blob. With `expected`, other content is refused when it is committed. */
  async create(expected?: Digest): Promise<BlobWriter> {
    const session = await this.#session();
    return await BlobWriter.open({
      temporaryPath: session.temporaryPath(),
      pathOf: (digest) => this.path(digest),
      expected,
    });
  }

  /**
   * Continues the blob where an earlier attempt was broken off, possibly in another process: `offset` says how many of
   * its bytes are there. What is not committed is kept for the next attempt. One process at a time has it; others wait,
   * and should ask {@link BlobStore.has} once more when they get it.
   */
  async partial(
    digest: Digest,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<BlobWriter> {
    const store = { path: (...segments: string[]) => join(this.#root, ...segments) };
    const lock = await acquireLock(store, `partial ${digest}`, options);
    try {
      return await BlobWriter.open({
        temporaryPath: join(this.#root, "partial", digestHex(digest)),
        pathOf: (stored) => this.path(stored),
        expected: digest,
        resume: true,
        lock,
      });
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /** Removes a blob, if it is there. Who reads it at the moment reads on. */
  async remove(digest: Digest): Promise<void> {
    await rm(this.path(digest), { force: true });
  }
}

function notFound(digest: Digest, cause: unknown): BlobNotFoundError {
  return new BlobNotFoundError(
    `The blob ${digest} is not in the store.`,
    "Run the command again: it is fetched or made anew.",
    { cause },
  );
}
