import type { ZipFile } from "./zip-file.ts";

// The records at the end of a zip (APPNOTE.TXT 4.3.14 to 4.3.16): they say where the central directory is.

const endSignature = 0x06054b50;
const endSize = 22;
const longestComment = 0xffff;

const locatorSignature = 0x07064b50;
const locatorSize = 20;

const end64Signature = 0x06064b50;
const end64Size = 56;

/** The largest directory that we read, in bytes; some half a million files. It bounds memory. */
const largestDirectory = 64 * 1024 * 1024;

/** Where the central directory lies. */
export interface DirectoryLocation {
  readonly offset: number;
  /** Length in bytes. */
  readonly size: number;
  /** Number of entries. */
  readonly count: number;
}

/**
 * Finds the central directory. It must end where the end records begin, and no byte may follow them: a zip that two
 * readers could understand in two ways is refused. Raises InvalidWheelError.
 */
export function locateDirectory(file: ZipFile): DirectoryLocation {
  const end = findEnd(file);
  const record = file.read(end, endSize);
  const plain = {
    disk: record.readUInt16LE(4),
    directoryDisk: record.readUInt16LE(6),
    diskCount: record.readUInt16LE(8),
    count: record.readUInt16LE(10),
    size: record.readUInt32LE(12),
    offset: record.readUInt32LE(16),
  };
  const long = readZip64(file, end);
  if (long === undefined) {
    const { disk, directoryDisk, diskCount, count, size, offset } = plain;
    if (disk !== 0 || directoryDisk !== 0 || diskCount !== count) {
      throw file.invalid("it is one part of several");
    }
    return checked(file, { offset, size, count }, end);
  }
  if (
    differs(plain.count, 0xffff, long.count) ||
    differs(plain.diskCount, 0xffff, long.count) ||
    differs(plain.size, 0xffff_ffff, long.size) ||
    differs(plain.offset, 0xffff_ffff, long.offset)
  ) {
    throw file.invalid("its two end records disagree");
  }
  return checked(file, long, long.end);
}

/** Whether a field of the old record is neither the mark for "see the zip64 record" nor what that record says. */
function differs(value: number, mark: number, long: number): boolean {
  return value !== mark && value !== long;
}

function checked(file: ZipFile, directory: DirectoryLocation, end: number): DirectoryLocation {
  if (directory.offset + directory.size !== end) {
    throw file.invalid("its directory does not lie where its end says; it is damaged or truncated");
  }
  if (directory.size > largestDirectory) {
    throw file.invalid(`its directory is larger than ${largestDirectory} bytes`);
  }
  return directory;
}

/** The offset of the end record: the one whose comment ends with the file. */
function findEnd(file: ZipFile): number {
  const tailSize = Math.min(file.size, endSize + longestComment);
  const tail = file.read(file.size - tailSize, tailSize);
  const found: number[] = [];
  for (let at = tailSize - endSize; at >= 0; at--) {
    if (tail[at] !== 0x50 || tail.readUInt32LE(at) !== endSignature) continue;
    if (at + endSize + tail.readUInt16LE(at + 20) === tailSize) found.push(at);
  }
  const [last] = found;
  if (last === undefined) throw file.invalid("it is no zip, or it is truncated");
  if (found.length > 1) throw file.invalid("it has more than one end record");
  return file.size - tailSize + last;
}

function readZip64(
  file: ZipFile,
  end: number,
): (DirectoryLocation & { readonly end: number }) | undefined {
  if (end < locatorSize + end64Size) return undefined;
  const locator = file.read(end - locatorSize, locatorSize);
  if (locator.readUInt32LE(0) !== locatorSignature) return undefined;
  const at = Number(locator.readBigUInt64LE(8));
  // The record may have an extensible part, which nobody writes and we do not read.
  if (at !== end - locatorSize - end64Size) {
    throw file.invalid("its zip64 end record does not lie where its locator says");
  }
  const record = file.read(at, end64Size);
  if (
    record.readUInt32LE(0) !== end64Signature ||
    record.readBigUInt64LE(4) !== BigInt(end64Size - 12)
  ) {
    throw file.invalid("its zip64 end record is damaged");
  }
  const count = Number(record.readBigUInt64LE(32));
  if (
    locator.readUInt32LE(4) !== 0 ||
    locator.readUInt32LE(16) !== 1 ||
    record.readUInt32LE(16) !== 0 ||
    record.readUInt32LE(20) !== 0 ||
    Number(record.readBigUInt64LE(24)) !== count
  ) {
    throw file.invalid("it is one part of several");
  }
  return {
    count,
    size: Number(record.readBigUInt64LE(40)),
    offset: Number(record.readBigUInt64LE(48)),
    end: at,
  };
}
