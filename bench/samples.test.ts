import { expect, test } from "vitest";
import { Samples, summarize } from "./samples.ts";
import { formatTable } from "./table.ts";

test("the median of an even count is the mean of the middle two, whatever the order", () => {
  expect(summarize([5, 1, 9])).toEqual({ samples: [5, 1, 9], median: 5, least: 1, most: 9 });
  expect(summarize([8, 2, 4, 100]).median).toBe(6);
  expect(summarize([3]).median).toBe(3);
});

test("rows come in the order of the measures, with the ratio of medians where there are both", () => {
  const samples = new Samples();
  samples.add("addOne", "lamella", 1);
  for (const value of [4, 2, 3]) samples.add("cold", "lamella", value);
  for (const value of [10, 30, 20]) samples.add("cold", "buildkit", value);
  const [cold, addOne, ...others] = samples.rows();
  expect(others).toEqual([]);
  expect(cold).toMatchObject({ name: "cold", ratio: 0.15, lamella: { median: 3 } });
  expect(addOne).toMatchObject({ name: "addOne", lamella: { median: 1 } });
  expect(addOne).not.toHaveProperty("ratio");
  expect(addOne).not.toHaveProperty("buildkit");
});

test("the table says median, range, ratio and what is wanted", () => {
  const samples = new Samples();
  for (const value of [4, 2, 3]) samples.add("cold", "lamella", value);
  samples.add("cold", "buildkit", 20);
  samples.add("pullColdBytes", "buildkit", 2_500_000);
  const [, cold, bytes] = formatTable(samples.rows()).split("\n");
  expect(cold?.split(/ {2,}/)).toEqual([
    "cold: build and push",
    "3.00 s (2.00–4.00)",
    "20.00 s",
    "0.150",
    "≤ 0.5",
  ]);
  expect(bytes?.split(/ {2,}/)).toEqual(["first pull, bytes", "2.50 MB"]);
});
