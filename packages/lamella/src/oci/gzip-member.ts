import { crc32, deflateRawSync } from "node:zlib";

/**
 * The level at which raw content is deflated. A constant, because it decides digests. Measured on Python's own files
 * and their bytecode: level 4 packs them to 32.5 % at 90 MB/s a core, 6 to 31.4 % at 51, and 1 to 35.4 % at 121.
 */
export const deflateLevel = 4;

/**
 * A gzip header (RFC 1952 §2.3) with nothing in it: deflate, no flags, no time, no extra flags, unknown system (255).
 * That leaves out what differs between two runs.
 */
export const memberHeader: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

/** The eight bytes that end a member: CRC-32 of the content and its length in bytes modulo 2³², little-endian. */
export function memberTrailer(crc: number, size: number): Uint8Array {
  const trailer = new Uint8Array(8);
  const view = new DataView(trailer.buffer);
  view.setUint32(0, crc, true);
  view.setUint32(4, size, true);
  return trailer;
}

/** A whole member that holds `bytes`. The bytes are the same wherever zlib is. */
export function gzipMember(bytes: Uint8Array): Uint8Array {
  // The chunk size is zlib's output buffer: no more than a header of a few hundred bytes needs, and without effect on
  // what comes out.
  const options = { level: deflateLevel, chunkSize: Math.max(64, Math.min(bytes.length, 16_384)) };
  return wrapDeflated(deflateRawSync(bytes, options), crc32(bytes), bytes.length);
}

/** A whole member around a complete raw deflate stream whose content has this CRC-32 and length. */
export function wrapDeflated(deflated: Uint8Array, crc: number, size: number): Uint8Array {
  return Buffer.concat([memberHeader, deflated, memberTrailer(crc, size)]);
}
