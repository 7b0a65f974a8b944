import * as fc from "fast-check";
import { expect, test } from "vitest";
import { count, formatBytes, formatSeconds } from "./quantity.ts";

test("bytes have three significant digits and the unit that people use", () => {
  expect(
    [0, 1, 999, 1000, 1500, 99_949, 999_499, 61_234_567, 539_000_000, 3e9].map(formatBytes),
  ).toEqual([
    "0 B",
    "1 B",
    "999 B",
    "1.00 kB",
    "1.50 kB",
    "99.9 kB",
    "999 kB",
    "61.2 MB",
    "539 MB",
    "3.00 GB",
  ]);
});

test("no amount of bytes takes more than seven columns", () => {
  fc.assert(fc.property(fc.nat({ max: 2 ** 50 }), (bytes) => formatBytes(bytes).length <= 7));
});

test("times are in seconds", () => {
  expect([0, 40, 994, 1000, 4_200, 59_940, 93_400].map(formatSeconds)).toEqual([
    "0.00 s",
    "0.04 s",
    "0.99 s",
    "1.0 s",
    "4.2 s",
    "59.9 s",
    "93 s",
  ]);
});

test("one is singular", () => {
  expect([count(1, "layer"), count(0, "layer"), count(2, "body", "bodies")]).toEqual([
    "1 layer",
    "0 layers",
    "2 bodies",
  ]);
});
