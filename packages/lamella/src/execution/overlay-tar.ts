import { blockSize, paddingOf } from "../oci/tar-header.ts";

/** What one entry of a tar for extraction says. Unlike the tars of layers that we write, it may say anything. */
export interface ExtractionHeader {
  /** Relative, without `.` or `..`; the root is `""`. */
  readonly path: string;
  readonly kind: "file" | "hardlink" | "symlink" | "character" | "block" | "directory" | "fifo";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Length of the content in bytes; 0 for all but files. */
  readonly size?: number;
  /** Of both kinds of links. */
  readonly target?: string;
  readonly device?: { readonly major: number; readonly minor: number };
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

// POSIX.1-2017, pax, "ustar Interchange Format", typeflag.
const typeFlags = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
} as const;

// What fits the octal digits of the fields: seven for owners and devices, eleven for sizes and times.
const largestShort = 0o7777777;
const largestLong = 0o77777777777;

const printableAscii = /^[\x20-\x7e]*$/;

/** The header blocks of an entry, for GNU tar to extract: what the ustar block cannot say is in a PAX header before it. */
export function encodeExtractionHeader(header: ExtractionHeader): Uint8Array {
  const { mode, uid, gid, mtime, size = 0, target = "", device, xattrs } = header;
  const path =
    header.path === "" ? "./" : header.kind === "directory" ? `${header.path}/` : header.path;
  const records: Buffer[] = [];
  if (!fitsName(path)) records.push(paxRecord("path", path));
  if (!fitsName(target)) records.push(paxRecord("linkpath", target));
  if (size > largestLong) records.push(paxRecord("size", String(size)));
  if (uid > largestShort) records.push(paxRecord("uid", String(uid)));
  if (gid > largestShort) records.push(paxRecord("gid", String(gid)));
  if (!isTime(mtime)) records.push(paxRecord("mtime", String(mtime)));
  for (const [name, value] of xattrs ?? []) records.push(paxRecord(`SCHILY.xattr.${name}`, value));

  const block = ustarBlock({
    name: fitsName(path) ? path : "long",
    flag: typeFlags[header.kind],
    mode,
    uid: uid > largestShort ? 0 : uid,
    gid: gid > largestShort ? 0 : gid,
    size: size > largestLong ? 0 : size,
    mtime: isTime(mtime) ? mtime : 0,
    target: fitsName(target) ? target : "long",
    device,
  });
  if (records.length === 0) return block;
  const body = Buffer.concat(records);
  const extension = ustarBlock({
    name: "pax",
    flag: "x",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: 0,
    target: "",
    device: undefined,
  });
  return Buffer.concat([extension, body, Buffer.alloc(paddingOf(body.length)), block]);
}

function fitsName(name: string): boolean {
  return name.length <= 100 && printableAscii.test(name);
}

function isTime(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds >= 0 && seconds <= largestLong;
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts its own digits; a value may be any bytes. */
function paxRecord(key: string, value: string | Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = body.length + 1;
  while (String(length).length + body.length !== length)
    length = String(length).length + body.length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

interface UstarFields {
  readonly name: string;
  readonly flag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly target: string;
  readonly device: { readonly major: number; readonly minor: number } | undefined;
}

function ustarBlock(fields: UstarFields): Buffer {
  const block = Buffer.alloc(blockSize);
  block.write(fields.name, 0, "latin1");
  block.write(octal(fields.mode, 7), 100, "latin1");
  block.write(octal(fields.uid, 7), 108, "latin1");
  block.write(octal(fields.gid, 7), 116, "latin1");
  block.write(octal(fields.size, 11), 124, "latin1");
  block.write(octal(fields.mtime, 11), 136, "latin1");
  // The checksum is computed as if its own field held spaces.
  block.write("        ", 148, "latin1");
  block.write(fields.flag, 156, "latin1");
  block.write(fields.target, 157, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  block.write(octal(fields.device?.major ?? 0, 7), 329, "latin1");
  block.write(octal(fields.device?.minor ?? 0, 7), 337, "latin1");
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${octal(sum, 6)}\u0000 `, 148, "latin1");
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
