import { expect, test } from "vitest";
import { logicalLines, splitOption } from "./requirements-lines.ts";

test("lines are joined, stripped of comments, and keep their numbers", () => {
  const text =
    "\uFEFFsix # why\r\n\n# all of it\npandas \\\n  >=2 \\\r\n  # ends it\nurl#fragment\r-r a.txt\\";
  expect(logicalLines(text)).toEqual([
    { line: "six", number: 1 },
    { line: "pandas   >=2", number: 4 },
    { line: "url#fragment", number: 7 },
    { line: "-r a.txt", number: 8 },
  ]);
});

test.each([
  ["-r a.txt", "--requirement", "a.txt"],
  ["-ra.txt", "--requirement", "a.txt"],
  ["-c=a.txt", "--constraint", "a.txt"],
  ['--requirement "a b.txt"', "--requirement", "a b.txt"],
  ["--constraint=a.txt", "--constraint", "a.txt"],
  ["--pre", "--pre", ""],
  ["-x y", "-x", "y"],
])("%s is %s with %s", (line, option, value) => {
  expect(splitOption(line)).toEqual({ option, value });
});
