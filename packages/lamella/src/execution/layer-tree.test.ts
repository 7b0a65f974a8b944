import { describe, expect, test } from "vitest";
import { LayerUnpackError } from "./error.ts";
import { LayerTree } from "./layer-tree.ts";

function tree(): { tree: LayerTree; made: string[] } {
  const made: string[] = [];
  return { tree: new LayerTree((path) => made.push(path)), made };
}

test("parents that nobody spoke of are made once, outermost first", () => {
  const { tree: layer, made } = tree();
  expect(layer.place("a/b/c")).toBe("a/b/c");
  expect(layer.place("a/b/d")).toBe("a/b/d");
  expect(made).toEqual(["a", "a/b"]);
  layer.set("a", "directory");
  expect(layer.impliedDirectories()).toEqual(["", "a/b"]);
});

describe("links of the layer", () => {
  test.each([
    ["usr/lib", "lib/x", "usr/lib/x"],
    ["/usr/lib", "lib/x", "usr/lib/x"],
    ["../../../etc", "lib/passwd", "etc/passwd"],
    ["/", "lib/x", "x"],
    ["./a/../b/.", "lib/c/d", "b/c/d"],
  ])("a link to %s is followed within the root", (target, path, place) => {
    const { tree: layer } = tree();
    layer.set("lib", "symlink", target);
    expect(layer.place(path)).toBe(place);
  });

  test("are followed one through the other", () => {
    const { tree: layer, made } = tree();
    layer.set("a", "symlink", "b");
    layer.set("b", "symlink", "/c/d");
    expect(layer.place("a/x")).toBe("c/d/x");
    expect(made).toEqual(["c", "c/d"]);
  });

  test("are not followed where the entry itself has their name", () => {
    const { tree: layer } = tree();
    layer.set("a", "symlink", "/etc/passwd");
    expect(layer.place("a")).toBe("a");
  });

  test("in a circle are refused", () => {
    const { tree: layer } = tree();
    layer.set("a", "symlink", "b");
    layer.set("b", "symlink", "a");
    expect(() => layer.place("a/x")).toThrow(LayerUnpackError);
  });
});

test("what is below a file is refused", () => {
  const { tree: layer } = tree();
  layer.set("a", "other");
  expect(() => layer.place("a/b")).toThrow(/the layer has a file at "a"/);
});

test("a directory and something else at one path are refused", () => {
  const { tree: layer } = tree();
  layer.set("a", "directory");
  expect(() => layer.set("a", "symlink", "/etc")).toThrow(LayerUnpackError);
  layer.set("b", "symlink", "a");
  expect(() => layer.set("b", "directory")).toThrow(LayerUnpackError);
  layer.set("b", "other");
  expect(layer.kind("b")).toBe("other");
});
