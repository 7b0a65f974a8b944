import { decodeText } from "./pax.ts";
import { blockSize } from "./tar-header.ts";

/** One header block as it stands, with nothing before it taken into account. */
export interface TarBlock {
  readonly name: Uint8Array;
  readonly flag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly linkName: Uint8Array;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

const checksumOffset = 148;
const checksumLength = 8;

/** Reads a header block: ustar, GNU's, or that of before. Throws a RangeError for what is none. */
export function decodeTarBlock(block: Uint8Array): TarBlock {
  const sum = number(block, checksumOffset, checksumLength);
  if (!checksums(block).includes(sum)) {
    throw new RangeError("a header whose checksum is wrong");
  }
  const name = text(block, 0, 100);
  // GNU's format has times where ustar has the prefix, and another magic.
  const isUstar = decodeLatin1(block.subarray(257, 263)) === "ustar\0";
  const prefix = isUstar ? text(block, 345, 155) : new Uint8Array(0);
  return {
    name: prefix.length > 0 ? Buffer.concat([prefix, Buffer.from("/"), name]) : name,
    flag: block[156] === 0 ? "0" : String.fromCharCode(block[156] ?? 0),
    mode: number(block, 100, 8),
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: number(block, 124, 12),
    mtime: number(block, 136, 12),
    linkName: text(block, 157, 100),
    deviceMajor: number(block, 329, 8),
    deviceMinor: number(block, 337, 8),
  };
}

/** Whether a block is one of the two zero blocks that end a tar. */
export function isZeroBlock(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

/** The sum of the block's bytes with spaces in its own place; old tars took bytes as signed. */
function checksums(block: Uint8Array): [unsigned: number, signed: number] {
  let unsigned = checksumLength * 0x20;
  let negative = 0;
  for (let index = 0; index < blockSize; index++) {
    if (index === checksumOffset) {
      index += checksumLength;
    }
    const byte = block[index]!;
    unsigned += byte;
    negative += byte > 127 ? 256 : 0;
  }
  return [unsigned, unsigned - negative];
}

/** A field up to its first NUL. */
function text(block: Uint8Array, offset: number, length: number): Uint8Array {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

/** Octal digits between spaces or NULs, or GNU's base 256 where the first bit is set. An empty field is 0. */
function number(block: Uint8Array, offset: number, length: number): number {
  const field = block.subarray(offset, offset + length);
  if (((field[0] ?? 0) & 0x80) !== 0) {
    return base256(field);
  }
  const digits = decodeLatin1(field).replace(/\0.*$/s, "").trim();
  if (!/^[0-7]*$/.test(digits)) {
    throw new RangeError("a header with a field that is no number");
  }
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** Big-endian two's complement below the first bit, which marks the form. */
function base256(field: Uint8Array): number {
  const bits = BigInt(field.length * 8 - 1);
  const marked = BigInt(`0x${Buffer.from(field).toString("hex")}`);
  const value = Number(BigInt.asIntN(Number(bits), marked));
  if (!Number.isSafeInteger(value)) {
    throw new RangeError("a header with a number that is too large");
  }
  return value;
}

function decodeLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** Decodes a name and refuses what no file system has. Throws a RangeError. */
export function decodeName(bytes: Uint8Array): string {
  const name = decodeText(bytes);
  if (name.includes("\0")) {
    throw new RangeError("a name with a NUL byte");
  }
  return name;
}
