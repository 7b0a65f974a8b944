import { expect, test } from "vitest";
import { findSubordinateIds, firstFreeIds } from "./subordinate-ids.ts";

test("the largest range of a user is found by name and by number", () => {
  const text = "root:100000:65536\nada:165536:65536\n1000:300000:200000\n1000x:1:999999\nbad\n";
  expect(findSubordinateIds(text, "ada", 1000)).toEqual({ start: 300_000, count: 200_000 });
  expect(findSubordinateIds(text, "ada", 1)).toEqual({ start: 165_536, count: 65_536 });
});

test("too few are none", () => {
  expect(findSubordinateIds("ada:100000:1000\n", "ada", 1000)).toBe(undefined);
  expect(findSubordinateIds("", "ada", 1000)).toBe(undefined);
});

test("ids that are free are in neither file, and are the first of those", () => {
  expect(firstFreeIds(["", ""])).toBe(100_000);
  expect(firstFreeIds(["ada:100000:65536\n", "ada:100000:65536\nbob:231072:65536\n"])).toBe(
    165_536,
  );
  expect(firstFreeIds(["ada:100000:65536\n", "bob:200000:65536\n"])).toBe(265_536);
  expect(firstFreeIds(["low:1000:10\nbroken:x:y\nall:90000:4000000000\n"])).toBe(4_000_090_000);
});
