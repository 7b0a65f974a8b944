import { crc32, deflateRawSync } from "node:zlib";

/** A member of a zip that a test makes. What is not given is made right; what is given may be a lie. */
export interface ZipMember {
  readonly name: string | Buffer;
  readonly content?: string | Uint8Array;
  readonly stored?: boolean;
  /** `st_mode` as a Unix has it; -1 makes the entry one of MS-DOS. */
  readonly mode?: number;
  readonly flags?: number;
  readonly method?: number;
  /** Writes sizes and CRC behind the data, with or without signature, and not before it. */
  readonly descriptor?: "signed" | "unsigned" | "signed64";
  /** Writes sizes in zip64 extra fields. */
  readonly zip64?: boolean;
  readonly extra?: Buffer;
  /** Values of the central directory that are not true. */
  readonly central?: { size?: number; compressedSize?: number; crc?: number; offset?: number };
  /** Values of the local header that are not true. */
  readonly local?: { name?: string; size?: number; crc?: number; method?: number; flags?: number };
  /** The compressed bytes themselves, instead of those that `content` gives. */
  readonly data?: Buffer;
  /** Bytes that belong to nobody, before the entry. */
  readonly gap?: number;
}

export interface ZipOptions {
  readonly comment?: string | Buffer;
  readonly zip64?: boolean;
  readonly count?: number;
  readonly directorySize?: number;
}

/** A zip as bytes. */
export function writeZip(members: readonly ZipMember[], options: ZipOptions = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  const push = (bytes: Buffer): void => {
    parts.push(bytes);
    offset += bytes.length;
  };
  for (const member of members) {
    push(Buffer.alloc(member.gap ?? 0, 0xaa));
    const name = Buffer.isBuffer(member.name) ? member.name : Buffer.from(member.name);
    const content = Buffer.from(member.content ?? "");
    const method = member.method ?? (member.stored || name.at(-1) === 0x2f ? 0 : 8);
    const data = member.data ?? (method === 8 ? deflateRawSync(content) : content);
    const crc = crc32(content);
    const flags = (member.flags ?? 0x0800) | (member.descriptor ? 8 : 0);
    const headerOffset = offset;

    const localName = member.local?.name === undefined ? name : Buffer.from(member.local.name);
    const localSize = member.descriptor ? 0 : (member.local?.size ?? content.length);
    const localCompressed = member.descriptor ? 0 : data.length;
    const localExtra = Buffer.concat([
      member.zip64 ? zip64Extra([localSize, localCompressed]) : Buffer.alloc(0),
      member.extra ?? Buffer.alloc(0),
    ]);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(member.local?.flags ?? flags, 6);
    local.writeUInt16LE(member.local?.method ?? method, 8);
    local.writeUInt32LE(member.descriptor ? 0 : (member.local?.crc ?? crc), 14);
    local.writeUInt32LE(member.zip64 ? 0xffffffff : localCompressed, 18);
    local.writeUInt32LE(member.zip64 ? 0xffffffff : localSize, 22);
    local.writeUInt16LE(localName.length, 26);
    local.writeUInt16LE(localExtra.length, 28);
    push(local);
    push(localName);
    push(localExtra);
    push(data);
    if (member.descriptor) push(descriptor(member.descriptor, crc, data.length, content.length));

    const central = member.central ?? {};
    const size = central.size ?? content.length;
    const compressedSize = central.compressedSize ?? data.length;
    const centralOffset = central.offset ?? headerOffset;
    const extra = Buffer.concat([
      member.zip64 ? zip64Extra([size, compressedSize, centralOffset]) : Buffer.alloc(0),
      member.extra ?? Buffer.alloc(0),
    ]);
    const header = Buffer.alloc(46);
    const mode = member.mode ?? (name.at(-1) === 0x2f ? 0o40755 : 0o100644);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt16LE(mode < 0 ? 20 : 0x0314, 4);
    header.writeUInt16LE(20, 6);
    header.writeUInt16LE(flags, 8);
    header.writeUInt16LE(method, 10);
    header.writeUInt32LE(central.crc ?? crc, 16);
    header.writeUInt32LE(member.zip64 ? 0xffffffff : compressedSize, 20);
    header.writeUInt32LE(member.zip64 ? 0xffffffff : size, 24);
    header.writeUInt16LE(name.length, 28);
    header.writeUInt16LE(extra.length, 30);
    header.writeUInt32LE(mode < 0 ? 0 : mode * 0x10000, 38);
    header.writeUInt32LE(member.zip64 ? 0xffffffff : centralOffset, 42);
    directory.push(header, name, extra);
  }
  const start = offset;
  for (const bytes of directory) push(bytes);
  const size = options.directorySize ?? offset - start;
  const count = options.count ?? members.length;
  if (options.zip64) {
    const end = offset;
    const record = Buffer.alloc(56);
    record.writeUInt32LE(0x06064b50, 0);
    record.writeBigUInt64LE(44n, 4);
    record.writeBigUInt64LE(BigInt(count), 24);
    record.writeBigUInt64LE(BigInt(count), 32);
    record.writeBigUInt64LE(BigInt(size), 40);
    record.writeBigUInt64LE(BigInt(start), 48);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50, 0);
    locator.writeBigUInt64LE(BigInt(end), 8);
    locator.writeUInt32LE(1, 16);
    push(record);
    push(locator);
  }
  const comment = Buffer.from(options.comment ?? "");
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(options.zip64 ? 0xffff : count, 8);
  end.writeUInt16LE(options.zip64 ? 0xffff : count, 10);
  end.writeUInt32LE(options.zip64 ? 0xffffffff : size, 12);
  end.writeUInt32LE(options.zip64 ? 0xffffffff : start, 16);
  end.writeUInt16LE(comment.length, 20);
  push(end);
  push(comment);
  return Buffer.concat(parts);
}

function zip64Extra(values: readonly number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  for (const [index, value] of values.entries()) {
    extra.writeBigUInt64LE(BigInt(value), 4 + 8 * index);
  }
  return extra;
}

function descriptor(
  kind: NonNullable<ZipMember["descriptor"]>,
  crc: number,
  compressedSize: number,
  size: number,
): Buffer {
  const fields = Buffer.alloc(kind === "signed64" ? 20 : 12);
  fields.writeUInt32LE(crc, 0);
  if (kind === "signed64") {
    fields.writeBigUInt64LE(BigInt(compressedSize), 4);
    fields.writeBigUInt64LE(BigInt(size), 12);
  } else {
    fields.writeUInt32LE(compressedSize, 4);
    fields.writeUInt32LE(size, 8);
  }
  return kind === "unsigned" ? fields : Buffer.concat([Buffer.from("PK\x07\x08"), fields]);
}
