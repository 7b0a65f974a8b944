import { expect, test } from "vitest";
import { aboveZero, parseDuration, parseSize } from "./limits.ts";

test.each([
  ["30s", 30_000],
  ["90m", 5_400_000],
  ["12h", 43_200_000],
  ["30d", 2_592_000_000],
  ["2w", 1_209_600_000],
  ["0d", 0],
])("%s is %d ms", (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test.each([
  ["0B", 0],
  ["20GB", 20_000_000_000],
  ["1.5gb", 1_500_000_000],
  ["500MiB", 524_288_000],
])("%s is %d bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "30", "d", "-3d", "1.5d", "30 d", "30y", "1e3d"])("%j is no time", (text) => {
  expect(() => parseDuration(text)).toThrow(/for example 30d/);
});

test.each(["", "20", "GB", "-1GB", "20 GB", "20XB", "1e9B"])("%j is no size", (text) => {
  expect(() => parseSize(text)).toThrow(/for example 20GB/);
});

test("a limit of nothing is none", () => {
  expect(aboveZero(parseSize)("1B")).toBe(1);
  expect(() => aboveZero(parseDuration)("0s")).toThrow("more than nothing");
});
