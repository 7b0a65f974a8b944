import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CanonicalValue, canonicalDigest, encodeCanonical } from "./canonical.ts";
import { sha256 } from "./digest.ts";

/** Few letters, and those of the encoding itself, so that two values are often nearly the same. */
const text = fc.string({ unit: fc.constantFrom("a", "b", "1", ":", "s", "l", "é", "\u{1F600}") });

const { value } = fc.letrec<{ value: CanonicalValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.boolean(),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(text, tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
}));

describe("the canonical encoding", () => {
  test("is the same exactly when the values are", () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(encodeCanonical(a) === encodeCanonical(b)).toBe(isDeepStrictEqual(a, b));
      }),
      { numRuns: 2_000 },
    );
  });

  test("can be told apart from whatever follows it", () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [one, other] = [encodeCanonical(a), encodeCanonical(b)];
        expect(one !== other && other.startsWith(one)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  test("does not run neighbours together", () => {
    expect(encodeCanonical(["ab", "c"])).toBe("l2:s2:abs1:c");
    expect(encodeCanonical(["a", "bc"])).toBe("l2:s1:as2:bc");
  });

  test("sorts fields, counts bytes, and leaves out what is absent", () => {
    expect(encodeCanonical({ b: true, é: "é", a: undefined, Z: false })).toBe(
      "r3:s1:Zfs1:bts2:és2:é",
    );
  });

  test("takes field names for data, whatever they are", () => {
    const record = JSON.parse('{"__proto__":"a","constructor":"b"}') as CanonicalValue;
    expect(encodeCanonical(record)).toBe("r2:s9:__proto__s1:as11:constructors1:b");
  });

  test("refuses a string that has no UTF-8", () => {
    expect(() => encodeCanonical("\uD800")).toThrow(TypeError);
  });

  test("is what the digest is of, also when it is long", () => {
    const long = Array.from({ length: 20_000 }, (_, index) => `é-${index}`);
    expect(canonicalDigest(long)).toBe(sha256(encodeCanonical(long)));
  });
});
