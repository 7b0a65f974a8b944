import { expect, test } from "vitest";
import { parseRetryAfter } from "./retry-after.ts";

test("Retry-After is seconds or a date", () => {
  expect(parseRetryAfter("3")).toBe(3_000);
  expect(parseRetryAfter("Sat, 21 Nov 2026 12:00:10 GMT", Date.UTC(2026, 10, 21, 12))).toBe(10_000);
  expect(parseRetryAfter("Sat, 21 Nov 2020 12:00:10 GMT")).toBe(0);
  expect(parseRetryAfter("soon")).toBeUndefined();
  expect(parseRetryAfter(undefined)).toBeUndefined();
});
