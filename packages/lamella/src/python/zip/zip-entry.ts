/** One file or directory of a zip, as its central directory has it. */
export interface ZipEntry {
  /** Relative path with `/` between segments, without `.`, `..`, backslashes or a trailing `/`. */
  readonly name: string;
  readonly kind: "file" | "directory";
  readonly method: "stored" | "deflate";
  /** General purpose bit flags (APPNOTE.TXT 4.4.4). */
  readonly flags: number;
  /** CRC-32 of the uncompressed bytes, unsigned. */
  readonly crc32: number;
  /** Length in bytes, uncompressed. */
  readonly size: number;
  /** Length in bytes as stored. */
  readonly compressedSize: number;
  /** Permission bits, where the zip was made on a Unix; 0 elsewhere. */
  readonly permissions: number;
  /** Where the local header begins. */
  readonly headerOffset: number;
  /** Where the next entry or the central directory begins: nothing of this entry may lie there or beyond. */
  readonly limit: number;
}

/** Bits of {@link ZipEntry.flags}. */
export const zipFlag = {
  encrypted: 0x0001,
  /** CRC and sizes follow the data in a descriptor. */
  descriptor: 0x0008,
  enhancedDeflate: 0x0010,
  patch: 0x0020,
  strongEncryption: 0x0040,
  masked: 0x2000,
} as const;
