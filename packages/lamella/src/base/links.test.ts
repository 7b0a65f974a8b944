import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LinkLoopError } from "./error.ts";
import { followLinks, isWithin, parentsOf } from "./links.ts";

function follow(links: Record<string, string>, path: string, last?: "kept"): string {
  return followLinks(path, (physical) => links[physical], last);
}

describe("followLinks", () => {
  test.each([
    [{}, "/app/./x//y", "app/x/y"],
    [{}, "/", ""],
    [{ bin: "usr/bin" }, "/bin/tool", "usr/bin/tool"],
    [{ app: "/srv/app" }, "/app/x", "srv/app/x"],
    [{ "a/b": "../c" }, "/a/b/x", "c/x"],
    [{ "a/b": "../../../c" }, "/a/b/x", "c/x"],
    [{ a: "b", b: "c", c: "/d/." }, "a/x", "d/x"],
    [{ a: "b/../c" }, "a/x", "c/x"],
    [{ a: "/" }, "a/x", "x"],
    [{ "d/e": "/f" }, "/d/e/../g", "g"],
    [
      { "usr/bin/python": "python3", "usr/bin/python3": "python3.11" },
      "usr/bin/python",
      "usr/bin/python3.11",
    ],
  ])("with %j, %s is %s", (links, path, physical) => {
    expect(follow(links as Record<string, string>, path)).toBe(physical);
  });

  test("keeps the last link where that is asked for", () => {
    expect(follow({ bin: "usr/bin", "usr/bin/a": "b" }, "bin/a", "kept")).toBe("usr/bin/a");
  });

  test.each([{ a: "a" }, { a: "b", b: "a" }, { a: "a/b" }])("refuses the circle %j", (links) => {
    expect(() => follow(links as Record<string, string>, "a/x")).toThrow(LinkLoopError);
  });

  test("whatever the links, the result is physical or the circle is said", () => {
    const path = fc.stringMatching(/^\/?([ab]|\.\.|\.)(\/([ab]|\.\.)){0,3}$/);
    const links = fc.dictionary(fc.constantFrom("a", "b", "a/a", "a/b", "b/b"), path);
    fc.assert(
      fc.property(links, path, (made, start) => {
        let physical: string;
        try {
          physical = follow(made, start);
        } catch (error) {
          expect(error).toBeInstanceOf(LinkLoopError);
          return;
        }
        for (const prefix of [...parentsOf(physical), physical])
          expect(made[prefix]).toBeUndefined();
        expect(physical.split("/")).not.toContain("..");
        expect(physical.startsWith("/")).toBe(false);
      }),
    );
  });
});

test("parentsOf and isWithin", () => {
  expect([...parentsOf("a/b/c")]).toEqual(["a", "a/b"]);
  expect([...parentsOf("a")]).toEqual([]);
  expect(isWithin("ab", "a")).toBe(false);
  expect(isWithin("a/b", "a")).toBe(true);
  expect(isWithin("a", "a")).toBe(true);
  expect(isWithin("a", "")).toBe(true);
});
