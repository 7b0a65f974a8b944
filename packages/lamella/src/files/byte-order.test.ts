import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compareByteOrder } from "./byte-order.ts";

const text = fc.string({ unit: "binary" });

test("strings are ordered as the bytes of their UTF-8 are", () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareByteOrder(a, b))).toBe(
        Buffer.compare(Buffer.from(a), Buffer.from(b)),
      );
    }),
  );
});

test("what lies beyond U+FFFF comes last, although its code units do not", () => {
  expect(["\u{1F600}", "\uFFFD", "z"].sort(compareByteOrder)).toEqual(["z", "\uFFFD", "\u{1F600}"]);
});
