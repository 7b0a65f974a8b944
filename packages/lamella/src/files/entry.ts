/**
 * File entries: the neutral form in which whatever makes files (wheels, source folders, users, the venv) hands them to
 * whatever stores them (tar layers). The producer knows no tar, and the consumer no zip.
 */

/** Raw bytes in memory, or a function that streams them anew at each call. */
export type ByteSource = Uint8Array | (() => AsyncIterable<Uint8Array>);

/** Uncompressed content. A stream must give exactly `size` bytes. */
export interface RawContent {
  readonly encoding: "identity";
  /** Length in bytes. */
  readonly size: number;
  readonly data: ByteSource;
}

/**
 * Content that is a complete raw deflate stream (RFC 1951), as a zip stores it. It can be wrapped in a gzip member as
 * it is. The consumer inflates it and holds it to `size`, `crc32` and `compressedSize` exactly.
 */
export interface DeflatedContent {
  readonly encoding: "deflate";
  /** Length in bytes once inflated. */
  readonly size: number;
  /** CRC-32 (RFC 1952 §8) of the inflated bytes, unsigned. */
  readonly crc32: number;
  /** Length in bytes of the deflate stream. */
  readonly compressedSize: number;
  readonly data: ByteSource;
}

export type FileContent = RawContent | DeflatedContent;

interface EntryBase {
  /** Path in the image: relative to the root, `/` between segments, no leading or trailing `/`, no `.` or `..`. */
  readonly path: string;
  /** Numeric owner; 0 where absent. */
  readonly uid?: number;
  readonly gid?: number;
}

export interface RegularFile extends EntryBase {
  readonly kind: "file";
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly content: FileContent;
}

export interface Directory extends EntryBase {
  readonly kind: "directory";
  readonly mode: number;
}

export interface SymbolicLink extends EntryBase {
  readonly kind: "symlink";
  /** The link's text, as `readlink` gives it. */
  readonly target: string;
}

/** Removes what lower layers have at `path` (image-spec layer.md, "Whiteouts"). `path` is the removed name itself. */
export interface Whiteout extends EntryBase {
  readonly kind: "whiteout";
}

export type FileEntry = RegularFile | Directory | SymbolicLink | Whiteout;

/** A regular file whose content is in memory. */
export function bytesFile(
  path: string,
  bytes: Uint8Array | string,
  options: { readonly mode?: number; readonly uid?: number; readonly gid?: number } = {},
): RegularFile {
  const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  const { mode = 0o644, ...owner } = options;
  return {
    kind: "file",
    path,
    mode,
    ...owner,
    content: { encoding: "identity", size: data.length, data },
  };
}
