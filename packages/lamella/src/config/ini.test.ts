import { expect, test } from "vitest";
import { ConfigFileError } from "./error.ts";
import { parseIni } from "./ini.ts";

const parse = (...lines: readonly string[]) => parseIni(lines.join("\n"), "f.config");

test("sections have values by name; both delimiters, comments and longer values are Python's", () => {
  const { data } = parse(
    "# ours",
    "[images]",
    "spark=ghcr.io/acme/spark:v2",
    "  ; indented comment",
    "Other : localhost:5000/x  ",
    "",
    "[sdk]",
    "packages =",
    "    a # b",
    "",
    "    c = d",
    "empty =",
  );
  expect(data).toEqual({
    images: { spark: "ghcr.io/acme/spark:v2", Other: "localhost:5000/x" },
    sdk: { packages: "\na # b\n\nc = d", empty: "" },
  });
});

test("a byte order mark, Windows' line ends and an indented section do not matter", () => {
  expect(parseIni("\uFEFF[a]\r\n  b = c\r\n  d = e\r\n", "f").data).toEqual({
    a: { b: "c", d: "e" },
  });
  expect(parse().data).toEqual({});
});

test("values, keys and sections have places", () => {
  const document = parse("", "[images]", "  spark =  x");
  expect(document.position(["images", "spark"])).toEqual({ file: "f.config", line: 3, column: 12 });
  expect(document.keyPosition(["images"], "spark")).toMatchObject({ line: 3, column: 3 });
  expect(document.position(["images", "none"])).toMatchObject({ line: 2, column: 1 });
  expect(document.keyPosition([], "images")).toMatchObject({ line: 2, column: 1 });
  expect(document.position(["none"])).toMatchObject({ line: 1, column: 1 });
});

test("names of JavaScript's own are names as others", () => {
  const { data } = parse("[__proto__]", "constructor = 1", "__proto__ = 2");
  expect(JSON.stringify(data)).toBe('{"__proto__":{"constructor":"1","__proto__":"2"}}');
});

test.each([
  [["spark = x"], "f.config:1:1: not a valid INI file: a value stands before the first [section]."],
  [["[a]", "images:", "b"], "f.config:3:1: not a valid INI file: neither a [section] nor 'name ="],
  [["[a]", " = x"], "f.config:2:2: not a valid INI file"],
  [["[a]", "b = 1", "b = 2"], "f.config:3:1: 'b' is there already."],
  [["[a]", "[b]", "[a]"], "f.config:3:1: the section [a] is there already."],
])("says where %j is wrong", (lines, message) => {
  expect(() => parse(...lines)).toThrow(ConfigFileError);
  expect(() => parse(...lines)).toThrow(message);
});
