import { createHash } from "node:crypto";
import { compareByteOrder } from "./byte-order.ts";
import type { Digest } from "./digest.ts";

/**
 * Data that has exactly one canonical encoding. There are no numbers, since they have many spellings; what is
 * `undefined` in a record is absent, as if its name were not there.
 */
export type CanonicalValue =
  | string
  | boolean
  | readonly CanonicalValue[]
  | { readonly [name: string]: CanonicalValue | undefined };

/**
 * The SHA-256 of a value's canonical encoding: two values have the same digest only when they are equal.
 *
 * The encoding is UTF-8 text in which every item says what it is and how long it is, so no two values share one
 * (`["ab","c"]` is `l2:s2:ab` `s1:c`, and `["a","bc"]` is `l2:s1:a` `s2:bc`):
 *
 * | value   | encoding                                                                           |
 * | ------- | ---------------------------------------------------------------------------------- |
 * | string  | `s` bytes `:` text                                                                 |
 * | boolean | `t` or `f`                                                                         |
 * | list    | `l` items `:` the items                                                            |
 * | record  | `r` fields `:` for each field, sorted by the bytes of its name, the name as a string and the value |
 */
export function canonicalDigest(value: CanonicalValue): Digest {
  const hash = createHash("sha256");
  let pending = "";
  encode(value, (text) => {
    pending += text;
    // One call into the hash for many items: a tree has a hundred thousand of them.
    if (pending.length > 65_536) {
      hash.update(pending, "utf8");
      pending = "";
    }
  });
  return `sha256:${hash.update(pending, "utf8").digest("hex")}`;
}

/** The canonical encoding itself, as {@link canonicalDigest} hashes it. */
export function encodeCanonical(value: CanonicalValue): string {
  let encoded = "";
  encode(value, (text) => {
    encoded += text;
  });
  return encoded;
}

function encode(value: CanonicalValue, emit: (text: string) => void): void {
  if (typeof value === "string") {
    // A lone surrogate has no UTF-8: several strings would share the encoding of U+FFFD.
    if (!value.isWellFormed()) throw new TypeError("A string with a lone surrogate has no UTF-8.");
    emit(`s${Buffer.byteLength(value)}:${value}`);
  } else if (typeof value === "boolean") {
    emit(value ? "t" : "f");
  } else if (isList(value)) {
    emit(`l${value.length}:`);
    for (const item of value) encode(item, emit);
  } else {
    const fields = Object.entries(value)
      .filter((field): field is [string, CanonicalValue] => field[1] !== undefined)
      .sort(([a], [b]) => compareByteOrder(a, b));
    emit(`r${fields.length}:`);
    for (const [name, field] of fields) {
      encode(name, emit);
      encode(field, emit);
    }
  }
}

function isList(value: object): value is readonly CanonicalValue[] {
  return Array.isArray(value);
}
