import { createHash, hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import type { Digest } from "./digest.ts";
import type { RawContent } from "./entry.ts";
import { FileChangedError } from "./error.ts";
import { openWithoutFollowing } from "./file-digest.ts";

/** A file as it was hashed: where it is, its length in bytes and its digest. */
export interface HashedFile {
  readonly absolute: string;
  readonly size: number;
  readonly digest: Digest;
}

/** Bytes read at once from a large file; a file of at most this many is read with synchronous calls, which are faster. */
const chunkSize = 256 * 1024;

/**
 * The file's content, read from disk each time it streams. It gives exactly the hashed bytes or raises
 * {@link FileChangedError}; for a file that is gone or unreadable by then too.
 */
export function verifiedContent(file: HashedFile): RawContent {
  return {
    encoding: "identity",
    size: file.size,
    data: () => (file.size <= chunkSize ? readWhole(file) : readChunks(file)),
  };
}

async function* readWhole({ absolute, size, digest }: HashedFile): AsyncGenerator<Uint8Array> {
  let descriptor: number;
  try {
    descriptor = openSync(absolute, openWithoutFollowing);
  } catch (error) {
    throw new FileChangedError(absolute, { cause: error });
  }
  // One byte more than it should have: a file that grew is noticed.
  const bytes = Buffer.allocUnsafe(size + 1);
  let length = 0;
  try {
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
  } finally {
    closeSync(descriptor);
  }
  const content = bytes.subarray(0, size);
  if (length !== size || `sha256:${hash("sha256", content, "hex")}` !== digest) {
    throw new FileChangedError(absolute);
  }
  yield content;
}

async function* readChunks({ absolute, size, digest }: HashedFile): AsyncGenerator<Uint8Array> {
  const running = createHash("sha256");
  let left = size;
  await using file = await open(absolute, openWithoutFollowing).catch((error: unknown) => {
    throw new FileChangedError(absolute, { cause: error });
  });
  for (;;) {
    // A new buffer each time: the consumer may keep what it was given.
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkSize), 0, chunkSize);
    if (bytesRead === 0) break;
    left -= bytesRead;
    if (left < 0) throw new FileChangedError(absolute);
    const chunk = buffer.subarray(0, bytesRead);
    running.update(chunk);
    yield chunk;
  }
  if (left !== 0 || `sha256:${running.digest("hex")}` !== digest)
    throw new FileChangedError(absolute);
}
