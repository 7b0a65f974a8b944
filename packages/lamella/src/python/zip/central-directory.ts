import { locateDirectory } from "./end-record.ts";
import { parseEntryName } from "./entry-name.ts";
import { readZip64Extra, unicodePathExtra } from "./extra-field.ts";
import { localHeaderSize } from "./local-header.ts";
import { type ZipEntry, zipFlag } from "./zip-entry.ts";
import type { ZipFile } from "./zip-file.ts";

// The central directory (APPNOTE.TXT 4.3.12).

const headerSignature = 0x02014b50;
const headerSize = 46;

/** "Version made by", upper byte: where the external attributes are `st_mode << 16`. */
const madeOnUnix = 3;

const fileTypeMask = 0o170000;
const directoryType = 0o040000;
const regularType = 0o100000;
const symlinkType = 0o120000;

/** No deflate stream is smaller than a 1,032nd of what comes out of it (zlib, "Maximum Compression Factor"). */
const largestRatio = 1032;

/** The most that a wheel may unpack to, in bytes: many times the largest there are, and less than a disk. */
const largestTotal = 64 * 1024 ** 3;

const refusedFlags =
  zipFlag.encrypted |
  zipFlag.enhancedDeflate |
  zipFlag.patch |
  zipFlag.strongEncryption |
  zipFlag.masked;

/**
 * Reads and checks the list of what the zip holds, in the order in which it lies in the file. Names are unique and safe,
 * entries do not overlap, and nothing is larger than its compressed size allows. Raises InvalidWheelError.
 */
export function readCentralDirectory(file: ZipFile): ZipEntry[] {
  const location = locateDirectory(file);
  const bytes = file.read(location.offset, location.size);
  const parsed: Omit<ZipEntry, "limit">[] = [];
  let at = 0;
  while (at < bytes.length) {
    const { entry, length } = parseHeader(bytes.subarray(at), file);
    parsed.push(entry);
    at += length;
  }
  if (parsed.length !== location.count) {
    throw file.invalid(`its directory has ${parsed.length} entries and says ${location.count}`);
  }
  parsed.sort((a, b) => a.headerOffset - b.headerOffset);
  const entries = parsed.map((entry, index): ZipEntry => {
    const limit = parsed[index + 1]?.headerOffset ?? location.offset;
    return { ...entry, limit };
  });
  checkExtents(entries, file);
  checkNames(entries, file);
  return entries;
}

function parseHeader(
  bytes: Buffer,
  file: ZipFile,
): { readonly entry: Omit<ZipEntry, "limit">; readonly length: number } {
  if (bytes.length < headerSize || bytes.readUInt32LE(0) !== headerSignature) {
    throw file.invalid("its directory is damaged");
  }
  const nameLength = bytes.readUInt16LE(28);
  const extraLength = bytes.readUInt16LE(30);
  const length = headerSize + nameLength + extraLength + bytes.readUInt16LE(32);
  if (bytes.length < length) throw file.invalid("its directory is damaged");
  const nameBytes = bytes.subarray(headerSize, headerSize + nameLength);
  const extra = bytes.subarray(headerSize + nameLength, headerSize + nameLength + extraLength);
  const { name, directory } = parseEntryName(nameBytes, file);
  const refuse = (why: string): never => {
    throw file.invalid(`${JSON.stringify(name)} in it ${why}`);
  };

  const flags = bytes.readUInt16LE(8);
  if ((flags & refusedFlags) !== 0) refuse("is encrypted or patched");
  const method = bytes.readUInt16LE(10);
  if (method !== 0 && method !== 8) refuse("is compressed with another method than deflate");
  const unicodeName = unicodePathExtra(extra);
  if (unicodeName && !unicodeName.equals(nameBytes)) refuse("has a second name");

  const sizes = readZip64Extra(extra, {
    size: bytes.readUInt32LE(24),
    compressedSize: bytes.readUInt32LE(20),
    headerOffset: bytes.readUInt32LE(42),
  });
  if (!sizes) return refuse("has damaged zip64 sizes");
  if (bytes.readUInt16LE(34) !== 0) refuse("lies in another part");

  const unix = bytes[5] === madeOnUnix;
  const mode = unix ? bytes.readUInt16LE(40) : 0;
  checkType(mode & fileTypeMask, directory, refuse);
  if (directory && sizes.size !== 0) refuse("is a directory with content");
  if (method === 0 && sizes.size !== sizes.compressedSize) refuse("has two sizes");
  if (method === 8 && sizes.size > sizes.compressedSize * largestRatio) {
    refuse("claims to unpack to more than its compressed size can hold");
  }
  return {
    length,
    entry: {
      name,
      kind: directory ? "directory" : "file",
      method: method === 0 ? "stored" : "deflate",
      flags,
      crc32: bytes.readUInt32LE(16),
      ...sizes,
      permissions: mode & 0o7777,
    },
  };
}

function checkType(type: number, directory: boolean, refuse: (why: string) => never): void {
  switch (type) {
    case 0:
      return;
    case regularType:
      if (directory) refuse("is a file with the name of a directory");
      return;
    case directoryType:
      if (!directory) refuse("is a directory with the name of a file");
      return;
    case symlinkType:
      // Installers disagree on them: pip and uv write the link's text into a file.
      return refuse("is a symbolic link, which wheels cannot have");
    default:
      refuse("is neither a file nor a directory");
  }
}

function checkExtents(entries: readonly ZipEntry[], file: ZipFile): void {
  let total = 0;
  for (const { name, headerOffset, compressedSize, size, limit } of entries) {
    const least = headerOffset + localHeaderSize + Buffer.byteLength(name) + compressedSize;
    if (least > limit) {
      throw file.invalid(`${JSON.stringify(name)} in it overlaps with what follows`);
    }
    total += size;
  }
  if (total > largestTotal) {
    throw file.invalid(`it claims to unpack to more than ${largestTotal} bytes`);
  }
}

/** No name twice, and no file where another entry needs a directory. */
function checkNames(entries: readonly ZipEntry[], file: ZipFile): void {
  const kinds = new Map<string, ZipEntry["kind"]>();
  for (const { name, kind } of entries) {
    if (kinds.has(name)) throw file.invalid(`it has ${JSON.stringify(name)} twice`);
    kinds.set(name, kind);
  }
  const parents = new Set<string>();
  for (const { name } of entries) {
    for (let end = name.lastIndexOf("/"); end > 0; end = name.lastIndexOf("/", end - 1)) {
      const parent = name.slice(0, end);
      if (parents.has(parent)) break;
      if (kinds.get(parent) === "file") {
        throw file.invalid(`${JSON.stringify(parent)} in it is a file and a directory`);
      }
      parents.add(parent);
    }
  }
}
