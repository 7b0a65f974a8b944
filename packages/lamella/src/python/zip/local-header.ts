import { readZip64Extra } from "./extra-field.ts";
import { type ZipEntry, zipFlag } from "./zip-entry.ts";
import type { ZipFile } from "./zip-file.ts";

// The header before each file's data, and the descriptor that may follow it (APPNOTE.TXT 4.3.7, 4.3.9).

/** Length in bytes without the name and the extra field. */
export const localHeaderSize = 30;

/** The longest local header: two lengths of 16 bits follow the fixed part. */
export const longestLocalHeader: number = localHeaderSize + 2 * 0xffff;

/** The longest data descriptor: signature, CRC-32, two sizes of 64 bits. */
export const longestDescriptor = 24;

const headerSignature = 0x04034b50;
const descriptorSignature = 0x08074b50;

/** The flags that decide what the bytes mean, on which both headers must agree. */
const decisiveFlags = zipFlag.encrypted | zipFlag.descriptor | zipFlag.strongEncryption;

/**
 * Holds a local header to what the central directory says of the entry, and returns the header's length: the data
 * follows. `bytes` begin at the header. Raises InvalidWheelError.
 */
export function checkLocalHeader(bytes: Buffer, entry: ZipEntry, file: ZipFile): number {
  const refuse = (why: string): never => {
    throw file.invalid(`the header of ${JSON.stringify(entry.name)} in it ${why}`);
  };
  if (bytes.length < localHeaderSize || bytes.readUInt32LE(0) !== headerSignature) {
    return refuse("is not where the directory says");
  }
  const nameLength = bytes.readUInt16LE(26);
  const extraLength = bytes.readUInt16LE(28);
  const length = localHeaderSize + nameLength + extraLength;
  if (entry.headerOffset + length + entry.compressedSize > entry.limit || length > bytes.length) {
    refuse("and its data overlap with what follows");
  }
  const slash = entry.kind === "directory" ? "/" : "";
  const name = bytes.toString("utf8", localHeaderSize, localHeaderSize + nameLength);
  if (name !== `${entry.name}${slash}`) refuse("has another name than the directory");

  const flags = bytes.readUInt16LE(6);
  if (((flags ^ entry.flags) & decisiveFlags) !== 0) refuse("has other flags than the directory");
  const method = entry.method === "stored" ? 0 : 8;
  if (bytes.readUInt16LE(8) !== method) refuse("has another method than the directory");

  const extra = bytes.subarray(localHeaderSize + nameLength, length);
  const sizes = readZip64Extra(extra, {
    size: bytes.readUInt32LE(22),
    compressedSize: bytes.readUInt32LE(18),
    headerOffset: 0,
  });
  if (!sizes) return refuse("has damaged zip64 sizes");
  // With a descriptor the values may stand there alone.
  const later = (flags & zipFlag.descriptor) !== 0;
  const agrees = (value: number, announced: number): boolean =>
    value === announced || (later && value === 0);
  if (
    !agrees(bytes.readUInt32LE(14), entry.crc32) ||
    !agrees(sizes.size, entry.size) ||
    !agrees(sizes.compressedSize, entry.compressedSize)
  ) {
    refuse("has other sizes or another CRC than the directory");
  }
  return length;
}

/**
 * Holds the descriptor behind the data, where the entry has one, to the central directory. `bytes` begin behind the data
 * and end at the entry's limit at the latest. The signature is optional, and the sizes have 32 or 64 bits; writers differ.
 * Raises InvalidWheelError.
 */
export function checkDescriptor(bytes: Buffer, entry: ZipEntry, file: ZipFile): void {
  if ((entry.flags & zipFlag.descriptor) === 0) return;
  const expected = (signed: boolean, wide: boolean): Buffer => {
    const start = signed ? 4 : 0;
    const descriptor = Buffer.alloc(start + (wide ? 20 : 12));
    if (signed) descriptor.writeUInt32LE(descriptorSignature, 0);
    descriptor.writeUInt32LE(entry.crc32, start);
    if (wide) {
      descriptor.writeBigUInt64LE(BigInt(entry.compressedSize), start + 4);
      descriptor.writeBigUInt64LE(BigInt(entry.size), start + 12);
    } else {
      descriptor.writeUInt32LE(entry.compressedSize % 2 ** 32, start + 4);
      descriptor.writeUInt32LE(entry.size % 2 ** 32, start + 8);
    }
    return descriptor;
  };
  for (const signed of [true, false]) {
    for (const wide of [false, true]) {
      const descriptor = expected(signed, wide);
      if (descriptor.equals(bytes.subarray(0, descriptor.length))) return;
    }
  }
  throw file.invalid(
    `the descriptor behind ${JSON.stringify(entry.name)} in it has other values than the directory`,
  );
}
