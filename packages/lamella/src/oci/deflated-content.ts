import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import type { ByteSource, DeflatedContent } from "../files/entry.ts";
import { release, spend } from "../files/spent-memory.ts";
import { ContentMismatchError } from "./error.ts";

/**
 * Contents up to this many bytes, compressed and inflated, are handled in one piece. Larger ones stream: zlib then works
 * in its own thread while this one hashes.
 */
const largestPiece = 1024 * 1024;

const sliceBytes = 256 * 1024;

/** Where a checked content goes. The calls come in order, the two kinds interleaved. */
export interface DeflatedReceiver {
  /** The deflate stream itself, unchanged. */
  compressed(bytes: Uint8Array): Promise<void> | void;
  /** The bytes are gone when this returns. */
  inflated(bytes: Uint8Array): void;
}

/**
 * Reads a deflated content once, gives it to the receiver in both forms, and holds it to what it announced: the stream
 * must end exactly at `compressedSize`, and what comes out must have `size` and `crc32`. Raises
 * {@link ContentMismatchError}, possibly after bytes were received, so the receiver's owner must then discard them.
 * Never holds more than {@link largestPiece} of either form.
 */
export async function readDeflated(
  path: string,
  content: DeflatedContent,
  receiver: DeflatedReceiver,
  signal?: AbortSignal,
): Promise<void> {
  if (content.size > largestPiece || content.compressedSize > largestPiece) {
    return stream(path, content, receiver, signal);
  }
  const deflated =
    content.data instanceof Uint8Array ? content.data : await gather(path, content, content.data());
  const inflated = inflate(path, content, deflated);
  if (crc32(inflated) !== content.crc32) {
    throw new ContentMismatchError(path, "its CRC-32 is another");
  }
  await receiver.compressed(deflated);
  receiver.inflated(inflated);
  release(inflated);
}

/** All the bytes of a small stream, which must be as many as were announced. */
export async function gather(
  path: string,
  announced: { readonly compressedSize: number },
  chunks: AsyncIterable<Uint8Array>,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > announced.compressedSize) {
      break;
    }
    parts.push(chunk);
  }
  if (length !== announced.compressedSize) {
    throw new ContentMismatchError(
      path,
      `its data does not have ${announced.compressedSize} bytes`,
    );
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, length);
}

function inflate(path: string, content: DeflatedContent, deflated: Uint8Array): Uint8Array {
  if (deflated.length !== content.compressedSize) {
    throw new ContentMismatchError(path, `its data does not have ${content.compressedSize} bytes`);
  }
  let result: ReturnType<typeof inflateRawSyncWithInfo>;
  try {
    result = inflateRawSyncWithInfo(deflated, content.size);
  } catch (error) {
    throw isZlibError(error) ? doesNotInflate(path, error) : error;
  }
  if (result.buffer.length !== content.size) {
    throw new ContentMismatchError(
      path,
      `it has ${result.buffer.length} bytes and not ${content.size}`,
    );
  }
  if (result.engine.bytesWritten !== content.compressedSize) {
    throw new ContentMismatchError(path, "its deflate stream ends early");
  }
  return result.buffer;
}

// `info: true` makes zlib return how many bytes it consumed, which its type does not know.
function inflateRawSyncWithInfo(
  deflated: Uint8Array,
  size: number,
): { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } } {
  const options = {
    info: true,
    // One byte of room more than needed, or zlib would take a second buffer to see that it has come to the end.
    chunkSize: Math.max(64, size + 1),
    maxOutputLength: Math.max(1, size),
  };
  return inflateRawSync(deflated, options) as unknown as ReturnType<typeof inflateRawSyncWithInfo>;
}

async function stream(
  path: string,
  content: DeflatedContent,
  receiver: DeflatedReceiver,
  signal: AbortSignal | undefined,
): Promise<void> {
  // The mark lets zlib work ahead of the hash.
  const options = { chunkSize: sliceBytes, highWaterMark: 4 * sliceBytes };
  const inflater = createInflateRaw(options);
  let compressedSize = 0;
  let size = 0;
  let crc = 0;

  async function* source(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunksOf(content.data)) {
      compressedSize += chunk.length;
      if (compressedSize > content.compressedSize) {
        throw new ContentMismatchError(
          path,
          `its data has more than ${content.compressedSize} bytes`,
        );
      }
      await receiver.compressed(chunk);
      spend(chunk.length);
      yield chunk;
    }
  }

  async function target(inflated: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of inflated) {
      size += chunk.length;
      if (size > content.size) {
        throw new ContentMismatchError(path, `it has more than ${content.size} bytes`);
      }
      crc = crc32(chunk, crc);
      receiver.inflated(chunk);
      // One that zlib has filled to its end; what else there is in a buffer of zlib's is still to come.
      if (chunk.length === chunk.buffer.byteLength) release(chunk);
    }
  }

  try {
    await pipeline(source, inflater, target, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    // zlib has come to the end of the deflate stream, and the source goes on.
    if (inflater.readableEnded && inflater.bytesWritten < compressedSize) {
      throw new ContentMismatchError(path, "its deflate stream ends early", { cause: error });
    }
    throw isZlibError(error) ? doesNotInflate(path, error) : error;
  }
  // bytesWritten counts what zlib took; it stops where the deflate stream ends.
  if (compressedSize !== content.compressedSize || inflater.bytesWritten !== compressedSize) {
    throw new ContentMismatchError(
      path,
      `its deflate stream does not have ${content.compressedSize} bytes`,
    );
  }
  if (size !== content.size) {
    throw new ContentMismatchError(path, `it has ${size} bytes and not ${content.size}`);
  }
  if (crc !== content.crc32) {
    throw new ContentMismatchError(path, "its CRC-32 is another");
  }
}

/** A source's bytes in pieces that a stream can be fed with. */
export async function* chunksOf(data: ByteSource): AsyncGenerator<Uint8Array> {
  if (!(data instanceof Uint8Array)) {
    yield* data();
    return;
  }
  for (let offset = 0; offset < data.length; offset += sliceBytes) {
    yield data.subarray(offset, offset + sliceBytes);
  }
}

/** Errors that zlib raises about its input; those of sources and sinks are not among them. */
function isZlibError(error: unknown): boolean {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && (code.startsWith("Z_") || code === "ERR_BUFFER_TOO_LARGE");
}

function doesNotInflate(path: string, cause: unknown): ContentMismatchError {
  return new ContentMismatchError(path, "it does not inflate", { cause });
}
