import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import type { FileContent } from "../files/entry.ts";
import { spend } from "../files/spent-memory.ts";
import { readCentralDirectory } from "./zip/central-directory.ts";
import {
  checkDescriptor,
  checkLocalHeader,
  longestDescriptor,
  longestLocalHeader,
} from "./zip/local-header.ts";
import type { ZipEntry } from "./zip/zip-entry.ts";
import { ZipFile } from "./zip/zip-file.ts";

export type { ZipEntry } from "./zip/zip-entry.ts";

/** Entries up to this many compressed bytes are handed on in one piece; larger ones are streamed. */
const largestPiece = 1024 * 1024;

/** How much is read at once, in bytes: neighbours that are wanted one after the other share a read. */
const readAhead = 1024 * 1024;

/** Bytes that nobody asked for and that are read along rather than ending a read before them. */
const widestGap = 16 * 1024;

/**
 * A zip that is open for reading. It is hostile until checked: {@link ZipArchive.open} checks what the central directory
 * says as a whole, and each entry's headers are held to it when the entry is read. What comes out of a deflate stream is
 * checked by whoever inflates it.
 *
 * ```
 * local header │ data │ descriptor? │ … │ central directory │ end record │ comment
 *      ▲──────────────── entry.headerOffset ──────┘   ▲───────────┘
 * ```
 */
export class ZipArchive implements Disposable {
  /** In the order in which they lie in the file. */
  readonly entries: readonly ZipEntry[];
  readonly #file: ZipFile;

  private constructor(file: ZipFile, entries: readonly ZipEntry[]) {
    this.#file = file;
    this.entries = entries;
  }

  /**
   * Opens the zip at `path` and reads its directory. `label` is what errors call it. Raises InvalidWheelError, or the
   * error of the filesystem.
   */
  static open(path: string, label: string = basename(path)): ZipArchive {
    const file = new ZipFile(path, label);
    try {
      return new ZipArchive(file, readCentralDirectory(file));
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
  }

  get path(): string {
    return this.#file.path;
  }

  get label(): string {
    return this.#file.label;
  }

  /**
   * The contents of entries, in the order given, as they lie in the zip. Entries that lie one behind the other are read
   * together, so an order near the zip's own costs the fewest reads. Streams of large entries stay readable when the
   * archive is closed. Raises InvalidWheelError for headers that disagree.
   */
  *contents(order: readonly ZipEntry[]): Generator<FileContent, void, void> {
    let window: { readonly start: number; readonly bytes: Buffer } | undefined;
    for (const [index, entry] of order.entries()) {
      if (entry.compressedSize > largestPiece) {
        yield this.#streamed(entry);
        continue;
      }
      const end = extentOf(entry);
      if (
        !window ||
        entry.headerOffset < window.start ||
        end > window.start + window.bytes.length
      ) {
        const start = entry.headerOffset;
        window = { start, bytes: this.#file.read(start, endOfRun(order, index) - start) };
        spend(window.bytes.length);
      }
      const { start, bytes } = window;
      yield this.#piece(entry, bytes.subarray(entry.headerOffset - start, end - start));
    }
  }

  /** Where the data of an entry begins, its headers checked. Raises InvalidWheelError. */
  dataOffset(entry: ZipEntry): number {
    const { headerOffset, compressedSize, limit } = entry;
    const header = this.#file.read(headerOffset, Math.min(limit - headerOffset, 512));
    let length: number;
    if (header.length >= 30 && 30 + header.readUInt16LE(26) + header.readUInt16LE(28) <= 512) {
      length = checkLocalHeader(header, entry, this.#file);
    } else {
      const whole = Math.min(limit - headerOffset, longestLocalHeader);
      length = checkLocalHeader(this.#file.read(headerOffset, whole), entry, this.#file);
    }
    const dataEnd = headerOffset + length + compressedSize;
    const behind = this.#file.read(dataEnd, Math.min(limit - dataEnd, longestDescriptor));
    checkDescriptor(behind, entry, this.#file);
    return headerOffset + length;
  }

  /**
   * The whole content of an entry, uncompressed and checked. Raises InvalidWheelError, also for content that is longer
   * than `largest` bytes.
   */
  bytes(entry: ZipEntry, largest: number): Buffer {
    if (entry.size > largest || entry.compressedSize > largest + 1024) {
      throw this.invalid(`${JSON.stringify(entry.name)} in it is longer than ${largest} bytes`);
    }
    const data = this.#file.read(this.dataOffset(entry), entry.compressedSize);
    const bytes = entry.method === "stored" ? data : this.#inflate(entry, data);
    if (crc32(bytes) !== entry.crc32) throw this.#damaged(entry);
    return bytes;
  }

  /** The first bytes of an entry's content, `length` or as many as there are. Not held to the CRC. */
  async start(entry: ZipEntry, length: number): Promise<Buffer> {
    const offset = this.dataOffset(entry);
    const compressed = this.#compressed(entry, offset, 64 * 1024);
    const parts: Buffer[] = [];
    let missing = Math.min(length, entry.size);
    if (missing === 0) return Buffer.alloc(0);
    const inflater = createInflateRaw();
    const content = entry.method === "stored" ? compressed : compressed.pipe(inflater);
    compressed.on("error", (error) => inflater.destroy(error));
    try {
      for await (const chunk of content as AsyncIterable<Buffer>) {
        parts.push(chunk.subarray(0, missing));
        missing -= Math.min(missing, chunk.length);
        if (missing === 0) break;
      }
    } catch (error) {
      throw this.#damaged(entry, error);
    } finally {
      compressed.destroy();
      inflater.destroy();
    }
    if (missing > 0) throw this.#damaged(entry);
    return Buffer.concat(parts);
  }

  /** The error for an archive that breaks a rule; `why` completes "The wheel … cannot be used: ". */
  invalid(why: string, cause?: unknown): Error {
    return this.#file.invalid(why, cause);
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #piece(entry: ZipEntry, bytes: Buffer): FileContent {
    const start = checkLocalHeader(bytes, entry, this.#file);
    const end = start + entry.compressedSize;
    checkDescriptor(bytes.subarray(end), entry, this.#file);
    const data = bytes.subarray(start, end);
    if (entry.method === "deflate") return deflated(entry, data);
    if (crc32(data) !== entry.crc32) throw this.#damaged(entry);
    return { encoding: "identity", size: entry.size, data };
  }

  #streamed(entry: ZipEntry): FileContent {
    const offset = this.dataOffset(entry);
    // Opened by name each time: a descriptor of ours could be closed by then, or be another file's.
    const open = () => this.#compressed(entry, offset, readAhead);
    if (entry.method === "deflate") return deflated(entry, open);
    const damaged = () => this.#damaged(entry);
    return {
      encoding: "identity",
      size: entry.size,
      async *data() {
        let crc = 0;
        for await (const chunk of open() as AsyncIterable<Buffer>) {
          crc = crc32(chunk, crc);
          yield chunk;
        }
        if (crc !== entry.crc32) throw damaged();
      },
    };
  }

  #compressed(
    { compressedSize }: ZipEntry,
    start: number,
    highWaterMark: number,
  ): ReturnType<typeof createReadStream> {
    return createReadStream(this.path, { start, end: start + compressedSize - 1, highWaterMark });
  }

  #inflate(entry: ZipEntry, data: Buffer): Buffer {
    let bytes: Buffer;
    try {
      bytes = inflateRawSync(data, { maxOutputLength: Math.max(1, entry.size) });
    } catch (error) {
      throw this.#damaged(entry, error);
    }
    if (bytes.length !== entry.size) throw this.#damaged(entry);
    return bytes;
  }

  #damaged({ name }: ZipEntry, cause?: unknown): Error {
    return this.invalid(
      `the content of ${JSON.stringify(name)} in it is not what the directory says`,
      cause,
    );
  }
}

function deflated(
  { size, crc32: crc, compressedSize }: ZipEntry,
  data: Uint8Array | (() => AsyncIterable<Uint8Array>),
): FileContent {
  return { encoding: "deflate", size, crc32: crc, compressedSize, data };
}

/** The end of what has to be read of an entry; bytes that belong to nobody may lie behind it. */
function extentOf({ headerOffset, compressedSize, limit }: ZipEntry): number {
  return Math.min(limit, headerOffset + longestLocalHeader + compressedSize + longestDescriptor);
}

/** How far to read for the entry at `index` and those wanted next, as long as they follow it closely in the file. */
function endOfRun(order: readonly ZipEntry[], index: number): number {
  const first = order[index] as ZipEntry;
  let end = extentOf(first);
  for (let next = index + 1; next < order.length; next++) {
    const entry = order[next] as ZipEntry;
    const gap = entry.headerOffset - end;
    if (gap < 0 || gap > widestGap || entry.compressedSize > largestPiece) break;
    const longer = extentOf(entry);
    if (longer - first.headerOffset > readAhead) break;
    end = longer;
  }
  return end;
}
