import { encodePax } from "./pax.ts";

/** Tar's unit: headers are one block, contents are padded to whole ones (POSIX.1-2017, pax, "ustar Interchange Format"). */
export const blockSize = 512;

/**
 * The time of every entry: 1980-01-02T00:00:00Z, in seconds. Zip files, and so Python's zipfile, know no time before
 * 1980-01-01 in local time; a day later is good in every time zone.
 */
export const entryTime = 315_619_200;

/** The type flags of ustar that we write. */
const typeFlag = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
  pax: "x",
} as const;

/** What one header says. */
export interface TarHeader {
  /** Directories end in `/`. */
  readonly path: string;
  readonly kind: Exclude<keyof typeof typeFlag, "pax">;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Length of the content in bytes; 0 for all but files. */
  readonly size: number;
  /** Text of a symbolic link; path of what a hard link is another name of. */
  readonly target?: string;
  /** Of the two kinds of device nodes. */
  readonly device?: { readonly major: number; readonly minor: number };
  /** Extended attributes by name, written as `SCHILY.xattr.*`, as all builders do. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

// Octal digits that fit the fields: seven for owners, eleven for sizes.
const largestOwner = 0o7777777;
const largestSize = 0o77777777777;

const printableAscii = /^[\x20-\x7e]*$/;

/**
 * The header's bytes: one ustar block, preceded by an extended header where the path, the link's text, the owner or the
 * size does not fit it, or where there are attributes. No user names and no times, so the bytes depend on the arguments
 * alone.
 */
export function encodeTarHeader(header: TarHeader): Uint8Array {
  const records = new Map<string, string | Uint8Array>();
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
  for (const [name, value] of header.xattrs ?? []) {
    records.set(`SCHILY.xattr.${name}`, value);
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
    device: header.device ?? noDevice,
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
    device: noDevice,
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
  readonly device: { readonly major: number; readonly minor: number };
}

const noDevice = { major: 0, minor: 0 };

function writeBlock(block: Buffer, fields: BlockFields): void {
  block.write(fields.name, 0, "latin1");
  block.write(octal(fields.mode, 7), 100, "latin1");
  block.write(octal(fields.uid, 7), 108, "latin1");
  block.write(octal(fields.gid, 7), 116, "latin1");
  block.write(octal(fields.size, 11), 124, "latin1");
  block.write(octal(entryTime, 11), 136, "latin1");
  // The checksum is computed as if its own field held spaces.
  block.write("        ", 148, "latin1");
  block.write(fields.flag, 156, "latin1");
  block.write(fields.target, 157, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  block.write(octal(fields.device.major, 7), 329, "latin1");
  block.write(octal(fields.device.minor, 7), 337, "latin1");
  block.write(fields.prefix, 345, "latin1");
  let sum = 0;
  for (let index = 0; index < blockSize; index++) {
    sum += block[index]!;
  }
  block.write(`${octal(sum, 6)}\u0000 `, 148, "latin1");
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
