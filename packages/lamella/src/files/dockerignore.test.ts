import { expect, test } from "vitest";
import { dockerignoreRules } from "./dockerignore.ts";

/** Whether the lines leave a path out, as a walk from the top finds out. */
function ignores(lines: string, path: string): boolean {
  const rules = dockerignoreRules(lines, ".dockerignore");
  const segments = path.split("/");
  for (let end = 1; end < segments.length; end++) {
    const folder = segments.slice(0, end).join("/");
    if (rules.ignores(folder, true) && !rules.mayKeepInside(folder)) return true;
  }
  return rules.ignores(path, false);
}

test.each([
  ["data", "data", true],
  ["data", "data/a/b", true],
  ["data", "more/data", false],
  ["/data/", "data/a", true],
  ["./x/../data", "data/a", true],
  ["  data\t", "data", true],
  ["\uFEFFdata", "data", true],
  ["#data", "#data", false],
  [" #data", "#data", true],
  ["\\#data", "#data", true],
  ["*", ".hidden", true],
  ["*.txt", "a.txt", true],
  ["*.txt", "b/a.txt", false],
  ["*/*.txt", "b/a.txt", true],
  ["a?c", "abc", true],
  ["a?c", "a/c", false],
  ["[a-c]x", "bx", true],
  ["[^a-c]x", "bx", false],
  ["[a.]x", ".x", true],
  ["a+(b)$", "a+(b)$", true],
  ["**", "a/b", true],
  ["**/a", "a", true],
  ["**/a", "b/c/a/d", true],
  ["a/**", "a", false],
  ["a/**", "a/b/c", true],
  ["a/**/b", "a/b", true],
  ["a/**/b", "a/x/y/b", true],
  ["**/*.pyc", "a/b.pyc", true],
  ["**name", "a/myname", true],
  ["**na?e", "myname", false],
  ["é*", "école", true],
  ["*\n!keep.txt", "keep.txt", false],
  ["*\n! keep.txt", "keep.txt", false],
  ["a\n!a/b", "a/b/c", false],
  ["a\n!a/b", "a/c", true],
  ["!a\na", "a", true],
  ["a/b\n!a", "a/b", true],
  ["a\n!**/b", "a/x/b", false],
  [".", "a", false],
  ["..", "a", false],
  [".git", ".git/config", true],
  ["", ".git/config", true],
  ["!.git", ".git/config", false],
  ["!**/__pycache__", "a/__pycache__/b.pyc", false],
])("%j leaves %s out: %s", (lines, path, expected) => {
  expect(ignores(lines, path)).toBe(expected);
});

test.each(["[a", "[]", "a\\", "[a-]", "!", "[z-a]", "\\d", "x[[:alpha:]]"])(
  "%s is refused, with its line",
  (line) => {
    expect(() => dockerignoreRules(`a\n${line}\n`, "here")).toThrow("here, line 2");
  },
);
