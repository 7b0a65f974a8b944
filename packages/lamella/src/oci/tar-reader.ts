import { ByteReader } from "./byte-reader.ts";
import { InvalidTarError } from "./error.ts";
import { decodePax } from "./pax.ts";
import { decodeTarBlock, isZeroBlock, type TarBlock } from "./tar-block.ts";
import { bodySize, decodeEntry } from "./tar-decode.ts";
import type { TarEntry } from "./tar-entry.ts";
import { noExtension, type TarExtension } from "./tar-extension.ts";
import { blockSize, paddingOf } from "./tar-header.ts";

export type { TarEntry } from "./tar-entry.ts";

/** Extended headers and GNU's long names are refused above this many bytes; attributes of a file are far smaller. */
const largestExtension = 1024 * 1024;

/** Contents are given in pieces of at most this many bytes. */
const pieceBytes = 1024 * 1024;

/**
 * Reads an uncompressed tar as it streams by: ustar, PAX, GNU's long names, and what was before them. Each entry is
 * checked and put into one form; nothing is ever written to disk here.
 *
 * Raises {@link InvalidTarError} for a tar that is damaged or cut off, has paths with `..` or NUL bytes, names that are
 * not UTF-8, or sparse files. AUFS's own files are passed over. The stream is read to its end, also past the end of the
 * tar, so that whoever checks its digest gets to see all of it.
 *
 * Not built on tar-stream, which decodes PAX values as UTF-8 and so destroys `security.capability`.
 */
export async function* readTar(
  stream: AsyncIterable<Uint8Array>,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<TarEntry, void, undefined> {
  const reader = new ByteReader(stream);
  let extension = noExtension;
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      const offset = reader.position;
      const block = await reader.exactly(blockSize);
      if (block.length === 0 && extension === noExtension) {
        return;
      }
      if (block.length === blockSize && isZeroBlock(block)) {
        await checkEnd(reader, extension);
        await drain(reader, options.signal);
        return;
      }
      if (block.length < blockSize) {
        throw invalid(offset, "it is cut off");
      }
      const header = at(offset, () => decodeTarBlock(block));
      if (isExtension(header.flag)) {
        extension = await readExtension(reader, offset, header, extension);
        continue;
      }
      const body = new EntryBody(
        reader,
        at(offset, () => bodySize(header, extension)),
      );
      const entry = at(offset, () => decodeEntry(header, extension, body));
      extension = noExtension;
      if (entry !== undefined) {
        yield entry;
      }
      await body.finish();
    }
  } finally {
    await reader.close();
  }
}

/** {@link readTar} for those who want no contents. */
export async function* readTarHeaders(
  stream: AsyncIterable<Uint8Array>,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<TarEntry, void, undefined> {
  yield* readTar(stream, options);
}

/** The content of one entry and the padding behind it, read once and in order. */
class EntryBody implements AsyncIterable<Uint8Array> {
  readonly size: number;
  readonly #reader: ByteReader;
  #left: number;
  #state: "unread" | "reading" | "over" = "unread";

  constructor(reader: ByteReader, size: number) {
    this.#reader = reader;
    this.size = size;
    this.#left = size;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#state !== "unread") {
      throw new Error("The content of a tar entry can be read once, before the next entry.");
    }
    this.#state = "reading";
    while (this.#left > 0) {
      const piece = await this.#reader.some(Math.min(this.#left, pieceBytes));
      if (piece === undefined) {
        throw invalid(this.#reader.position, "it is cut off");
      }
      this.#left -= piece.length;
      yield piece;
      // The consumer went on to the next entry in between.
      if (this.#isOver()) {
        throw new Error("The content of a tar entry can be read only before the next entry.");
      }
    }
  }

  /** Passes over what was not read. */
  async finish(): Promise<void> {
    this.#state = "over";
    if ((await this.#reader.skip(this.#left)) < this.#left) {
      throw invalid(this.#reader.position, "it is cut off");
    }
    // Padding may lack at the end: `umoci insert` writes neither it nor an end, and Go reads that.
    await this.#reader.skip(paddingOf(this.size));
    this.#left = 0;
  }

  #isOver(): boolean {
    return this.#state === "over";
  }
}

/** Two blocks of zeros, or one before the end of the stream, end a tar. */
async function checkEnd(reader: ByteReader, extension: TarExtension): Promise<void> {
  const offset = reader.position;
  const second = await reader.exactly(blockSize);
  if (!isZeroBlock(second) || extension !== noExtension) {
    throw invalid(offset, "there is more behind its end");
  }
}

async function drain(reader: ByteReader, signal: AbortSignal | undefined): Promise<void> {
  while ((await reader.some(pieceBytes)) !== undefined) {
    signal?.throwIfAborted();
  }
}

function isExtension(flag: string): boolean {
  return flag === "x" || flag === "g" || flag === "L" || flag === "K";
}

async function readExtension(
  reader: ByteReader,
  offset: number,
  header: TarBlock,
  before: TarExtension,
): Promise<TarExtension> {
  if (header.size < 0 || header.size > largestExtension) {
    throw invalid(offset, `an extended header has more than ${largestExtension} bytes`);
  }
  const body = await reader.exactly(header.size);
  const padding = paddingOf(header.size);
  if (body.length < header.size || (await reader.skip(padding)) < padding) {
    throw invalid(offset, "it is cut off");
  }
  switch (header.flag) {
    case "x":
      return { ...before, pax: at(offset, () => decodePax(body)) };
    case "L":
      return { ...before, longName: untilNul(body) };
    case "K":
      return { ...before, longLink: untilNul(body) };
    default:
      // Global headers hold comments of whoever made the tar; container engines ignore them.
      return before;
  }
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** Runs a decoder and names the place in the tar where it failed. */
function at<T>(offset: number, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw error instanceof RangeError ? invalid(offset, `it has ${error.message}`, error) : error;
  }
}

function invalid(offset: number, why: string, cause?: unknown): InvalidTarError {
  return new InvalidTarError(
    `The tar cannot be read at byte ${offset}: ${why}.`,
    "The layer is damaged or was not made by a container tool. Push the image anew, or use another one.",
    cause === undefined ? undefined : { cause },
  );
}
