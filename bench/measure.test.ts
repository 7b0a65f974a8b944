import { expect, test } from "vitest";
import { BenchError } from "./bench-error.ts";
import { withWhatTheyStandOn } from "./measure.ts";
import { parseOptions } from "./options.ts";

test("a case brings what it stands on", () => {
  expect([...withWhatTheyStandOn(["start"])].sort()).toEqual(["add-one", "cold", "pull", "start"]);
  expect([...withWhatTheyStandOn(["nothing-changed"])].sort()).toEqual(["cold", "nothing-changed"]);
});

test("the command line is parsed, and what it does not know is refused", () => {
  const { runs, cases, contenders } = parseOptions(["--runs", "5", "--only", "cold, add-one"]);
  expect(runs).toBe(5);
  expect([...cases]).toEqual(["cold", "add-one"]);
  expect(contenders).toEqual(["lamella", "buildkit"]);
  for (const wrong of [["--runs", "0"], ["--only", "warm"], ["--packages", "9"], ["-x"], ["x"]]) {
    expect(() => parseOptions(wrong)).toThrow(BenchError);
  }
});
