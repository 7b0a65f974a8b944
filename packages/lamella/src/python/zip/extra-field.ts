// Extra fields of zip headers (APPNOTE.TXT 4.5).

const zip64Id = 0x0001;
const unicodePathId = 0x7075;

/** The mark in a 32-bit field whose value is in the zip64 extra field. */
const inZip64 = 0xffff_ffff;

/** Sizes and offset of an entry; `headerOffset` is absent in local headers. */
export interface ZipSizes {
  readonly size: number;
  readonly compressedSize: number;
  readonly headerOffset: number;
}

/**
 * The values of a header, each taken from the zip64 extra field where its 32-bit field says so (4.5.3: in this order,
 * only those). Nothing when the extra field is damaged or a number is beyond what JavaScript counts exactly.
 */
export function readZip64Extra(extra: Buffer, sizes: ZipSizes): ZipSizes | undefined {
  const { size, compressedSize, headerOffset } = sizes;
  if (size !== inZip64 && compressedSize !== inZip64 && headerOffset !== inZip64) return sizes;
  const field = findExtra(extra, zip64Id);
  if (!field) return undefined;
  let at = 0;
  const resolve = (value: number): number => {
    if (value !== inZip64) return value;
    at += 8;
    return at <= field.length ? Number(field.readBigUInt64LE(at - 8)) : Number.NaN;
  };
  const resolved = {
    size: resolve(size),
    compressedSize: resolve(compressedSize),
    headerOffset: resolve(headerOffset),
  };
  return Object.values(resolved).every(Number.isSafeInteger) ? resolved : undefined;
}

/** The name in an Info-ZIP Unicode path field, which some readers prefer to the entry's own. */
export function unicodePathExtra(extra: Buffer): Buffer | undefined {
  // A version byte and the CRC-32 of the other name come first (4.6.9).
  return findExtra(extra, unicodePathId)?.subarray(5);
}

function findExtra(extra: Buffer, id: number): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === id) {
      const end = at + 4 + length;
      return end <= extra.length ? extra.subarray(at + 4, end) : undefined;
    }
    at += 4 + length;
  }
  return undefined;
}
