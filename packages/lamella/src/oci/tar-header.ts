import { encodePax } from "./pax.ts";

/** Tar's unit: headers are one block, contents are padded to whole ones (POSIX.1-2017, pax, "ustar Interchange Format"). */
export const blockSize = 512;

/**
 * The time of every entry: 1980-01-02T00:00:00Z, in seconds. Zip files, and so Python's zipfile, know no time before
 * 1980-01-01 in local time; a day later is good in every time zone.
 */
export const entryTime = 315_619_200;

/** The type flags of ustar that we write. */
const typeFlag = { file: "0", symlink: "2", directory: "5", pax: "x" } as const;

/** What one header says. */
export interface TarHeader {
  /** Directories end in `/`. */
  readonly path: string;
  readonly kind: "file" | "symlink" | "directory";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Length of the content in bytes; 0 for all but files. */
  readonly size: number;
  /** Text of a symbolic link. */
  readonly target?: string;
}

// Octal digits that fit the fields: seven for owners, eleven for sizes.
const largestOwner = 0o7777777;
const largestSize = 0o77777777777;

const printableAscii = /^[\x20-\x7e]*$/;

/**
 * The header's bytes: one ustar block, preceded by an extended header where the path, the link's text, the owner or the
 * size does not fit it. No user names and no device numbers, so the bytes depend on the arguments alone.
 */
export function encodeTarHeader(header: TarHeader): Uint8Array {
  const records = new Map<string, string>();
  const split = splitPath(header.path);
  const target = header.target ?? "";
  if (split === undefined) {
    records.set("path", header.path);
  }
  if (target.length > 100 || !printableAscii.test(target)) {
    records.set("linkpath", target);
  }
  if (header.size > largestSize) {
    records.set("size", String(header.size));
  }
  if (header.uid > largestOwner) {
    records.set("uid", String(header.uid));
  }
  if (header.gid > largestOwner) {
    records.set("gid", String(header.gid));
  }

  const block = Buffer.alloc(blockSize);
  writeBlock(block, {
    name: split?.name ?? asciiName(header.path),
    prefix: split?.prefix ?? "",
    flag: typeFlag[header.kind],
    mode: header.mode,
    uid: header.uid > largestOwner ? 0 : header.uid,
    gid: header.gid > largestOwner ? 0 : header.gid,
    size: header.size > largestSize ? 0 : header.size,
    target: records.has("linkpath") ? asciiName(target) : target,
  });
  if (records.size === 0) {
    return block;
  }

  const body = encodePax(records);
  const extended = Buffer.alloc(blockSize);
  writeBlock(extended, {
    name: asciiName(`PaxHeaders/${header.path}`),
    prefix: "",
    flag: typeFlag.pax,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    target: "",
  });
  return Buffer.concat([extended, body, new Uint8Array(paddingOf(body.length)), block]);
}

/** Zero bytes between a content of `size` bytes and the next header. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

/** The name and prefix fields of a path; undefined where it does not fit them. */
function splitPath(path: string): { readonly name: string; readonly prefix: string } | undefined {
  if (!printableAscii.test(path)) {
    return undefined;
  }
  if (path.length <= 100) {
    return { name: path, prefix: "" };
  }
  // The prefix may have 155 bytes and the name 100; the slash between them is in neither. The name must not be empty,
  // so a directory's closing slash is no place to split.
  const slash = path.lastIndexOf("/", Math.min(155, path.length - 2));
  if (slash <= 0 || path.length - slash - 1 > 100) {
    return undefined;
  }
  return { name: path.slice(slash + 1), prefix: path.slice(0, slash) };
}

/** What a reader without PAX sees: the first 100 bytes in ASCII. */
function asciiName(path: string): string {
  return path.replace(/[^\x20-\x7e]/gu, "_").slice(0, 100);
}

interface BlockFields {
  readonly name: string;
  readonly prefix: string;
  readonly flag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly target: string;
}

function writeBlock(block: Buffer, fields: BlockFields): void {
  block.latin1Write(fields.name, 0);
  block.latin1Write(octal(fields.mode, 7), 100);
  block.latin1Write(octal(fields.uid, 7), 108);
  block.latin1Write(octal(fields.gid, 7), 116);
  block.latin1Write(octal(fields.size, 11), 124);
  block.latin1Write(octal(entryTime, 11), 136);
  // The checksum is computed as if its own field held spaces.
  block.latin1Write("        ", 148);
  block.latin1Write(fields.flag, 156);
  block.latin1Write(fields.target, 157);
  block.latin1Write("ustar\u000000", 257);
  block.latin1Write("0000000", 329);
  block.latin1Write("0000000", 337);
  block.latin1Write(fields.prefix, 345);
  let sum = 0;
  for (let index = 0; index < blockSize; index++) {
    sum += block[index]!;
  }
  block.latin1Write(`${octal(sum, 6)}\u0000 `, 148);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
