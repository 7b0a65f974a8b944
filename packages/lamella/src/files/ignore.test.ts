import { expect, test } from "vitest";
import { defaultIgnoreRules } from "./ignore.ts";

test.each([
  ".git",
  "lib/.venv",
  "a/b/__pycache__",
  ".DS_Store",
  "a/.ruff_cache",
  ".idea",
  "notes.txt~",
  ".train.py.swp",
  "#train.py#",
  ".#train.py",
])("%s is ignored", (path) => {
  expect(defaultIgnoreRules.ignores(path, false)).toBe(true);
  expect(defaultIgnoreRules.ignores(path, true)).toBe(true);
});

test.each([".gitignore", "git", "venv", "pycache", "a.swp", ".env", "~a", "train.py", "#notes"])(
  "%s is kept",
  (path) => {
    expect(defaultIgnoreRules.ignores(path, false)).toBe(false);
  },
);
