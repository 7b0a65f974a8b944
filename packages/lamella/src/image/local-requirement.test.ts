import { expect, test } from "vitest";
import { absoluteRequirement, localRequirement, portableRequirement } from "./local-requirement.ts";

test.each([
  ["./dist/a-1.0-py3-none-any.whl", "./dist/a-1.0-py3-none-any.whl", "a-1.0-py3-none-any.whl"],
  ["dist/a-1.0.tar.gz", "dist/a-1.0.tar.gz", "a-1.0.tar.gz"],
  ["../project[extra,more]", "../project", "project[extra,more]"],
  ["/srv/a.whl ; python_version > '3.9'", "/srv/a.whl", "a.whl ; python_version > '3.9'"],
  ["a @ file:///srv/a%20b.whl", "/srv/a b.whl", "a @ a b.whl"],
  [
    "a[x] @ file:///srv/a.whl#sha256=00 ; extra == 'y'",
    "/srv/a.whl",
    "a[x] @ a.whl#sha256=00 ; extra == 'y'",
  ],
  ["file:../p", "../p", "p"],
  [".", ".", "."],
  ["../p/", "../p/", "p"],
])("%s names a path", (text, path, portable) => {
  const local = localRequirement(text);
  expect(local?.path).toBe(path);
  expect(local && portableRequirement(local)).toBe(portable);
});

test.each([
  "six",
  "pandas[performance]>=2 ; python_version > '3.9'",
  "a @ https://host/a.whl",
  "git+https://host/x/y.git@main#subdirectory=z",
  "file://elsewhere/a.whl",
  "https://host/./a.whl",
])("%s names none", (text) => {
  expect(localRequirement(text)).toBeUndefined();
  expect(absoluteRequirement(text, "/root")).toBe(text);
});

test("a relative path becomes absolute, an absolute one stays", () => {
  expect(absoluteRequirement("../p[x] ; extra == 'y'", "/srv/root")).toBe(
    "/srv/p[x] ; extra == 'y'",
  );
  expect(absoluteRequirement("a @ file:///srv/a.whl", "/root")).toBe("a @ file:///srv/a.whl");
});
