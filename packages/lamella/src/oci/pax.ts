/** PAX extended header records (POSIX.1-2017, pax, "pax Extended Header"): `LENGTH KEY=VALUE\n`, LENGTH its own included. */

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** One record's bytes. The length counts its own digits, so it is found by trying. */
function encodeRecord(key: string, value: string | Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = body.length + 1;
  while (String(length).length + body.length !== length) {
    length = String(length).length + body.length;
  }
  return Buffer.concat([Buffer.from(String(length)), body]);
}

/** The body of an extended header, keys sorted. A value may be any bytes. */
export function encodePax(records: ReadonlyMap<string, string | Uint8Array>): Uint8Array {
  const sorted = [...records].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Buffer.concat(sorted.map(([key, value]) => encodeRecord(key, value)));
}

/**
 * Reads the body of an extended header. Values stay bytes, since those of `SCHILY.xattr.*` need not be text. A record
 * that repeats a key replaces it. Throws a RangeError for what is not a sequence of records.
 */
export function decodePax(body: Uint8Array): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  let offset = 0;
  while (offset < body.length) {
    const space = body.indexOf(0x20, offset);
    // Nine digits are enough for any header that readTar takes.
    if (space < 0 || space === offset || space - offset > 9) {
      throw new RangeError("a PAX record without a length");
    }
    const digits = latin1(body.subarray(offset, space));
    const end = offset + Number(digits);
    const equals = body.indexOf(0x3d, space + 1);
    if (!/^[1-9][0-9]*$/.test(digits) || end > body.length || body[end - 1] !== 0x0a) {
      throw new RangeError("a PAX record with a wrong length");
    }
    if (equals < 0 || equals >= end - 1 || equals === space + 1) {
      throw new RangeError("a PAX record without a key");
    }
    records.set(
      decodeText(body.subarray(space + 1, equals)),
      Uint8Array.prototype.slice.call(body, equals + 1, end - 1),
    );
    offset = end;
  }
  return records;
}

/** Strict UTF-8. Throws a RangeError for bytes that are none. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new RangeError("a name that is not UTF-8");
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
