import { expect, test } from "vitest";
import { defaultRetry } from "../settings.ts";
import { parseRetryAfter, pause, pauseAfter } from "./retry.ts";

test("pauses double up to a bound, with jitter", () => {
  const failures = [1, 2, 3, 10, 2000];
  expect(failures.map((count) => pauseAfter(count, defaultRetry, undefined, () => 1))).toEqual([
    500, 1000, 2000, 15_000, 15_000,
  ]);
  expect(pauseAfter(3, defaultRetry, undefined, () => 0)).toBe(0);
});

test("a registry's wish is the least", () => {
  expect(pauseAfter(1, defaultRetry, 7000, () => 1)).toBe(7000);
  expect(pauseAfter(10, defaultRetry, 7000, () => 1)).toBe(15_000);
});

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("2026-11-21T10:00:00Z");
  expect(parseRetryAfter("120", now)).toBe(120_000);
  expect(parseRetryAfter("Sat, 21 Nov 2026 10:00:30 GMT", now)).toBe(30_000);
  expect(parseRetryAfter("Sat, 21 Nov 2026 09:00:00 GMT", now)).toBe(0);
  expect(parseRetryAfter("soon", now)).toBeUndefined();
  expect(parseRetryAfter("", now)).toBeUndefined();
  expect(parseRetryAfter(undefined, now)).toBeUndefined();
});

test("a pause ends with its signal's reason", async () => {
  const reason = new Error("no longer wanted");
  const controller = new AbortController();
  const waiting = pause(60_000, controller.signal);
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});
