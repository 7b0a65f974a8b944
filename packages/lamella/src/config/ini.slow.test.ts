import { spawnSync } from "node:child_process";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseIni } from "./ini.ts";

/** Python's own reading, set to what differs on purpose: names keep their case, `%` and `[DEFAULT]` mean nothing. */
const oracle = `
import configparser, json, sys
def read(text):
    parser = configparser.ConfigParser(interpolation=None, default_section="\\0")
    parser.optionxform = str
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {s: dict(parser.items(s)) for s in parser.sections()}
print(json.dumps([read(text) for text in json.load(sys.stdin)]))
`;

test("an INI file says what Python reads in it, and is refused where Python refuses it", () => {
  const line = fc.oneof(
    fc.constantFrom("[a]", " [b]", "[a] c", "[]", "[", "", "  ", "# c", "  ; c", "=", ": x"),
    fc
      .tuple(
        fc.constantFrom("", " ", "   ", "\t"),
        fc.constantFrom("k", "K", "l l", "", "__proto__"),
        fc.constantFrom("=", " = ", ":", "", " =:"),
        fc.constantFrom("", "v", "v = w", "x:5000/y:v1", "%(k)s", "[a]", "v # c"),
      )
      .map((parts) => parts.join("")),
  );
  const texts = fc.sample(
    fc.array(line, { maxLength: 8 }).map((lines) => ["[s]", ...lines].join("\n")),
    { numRuns: 3000 },
  );
  const { stdout, stderr } = spawnSync("python3", ["-c", oracle], {
    input: JSON.stringify(texts),
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  expect(stderr).toBe("");
  const expected = JSON.parse(stdout) as readonly unknown[];
  for (const [index, text] of texts.entries()) {
    expect({ text, data: read(text) }).toEqual({ text, data: expected[index] });
  }
  expect(expected.filter((each) => each !== null).length).toBeGreaterThan(500);
});

function read(text: string): unknown {
  try {
    return JSON.parse(JSON.stringify(parseIni(text, "f").data)) as unknown;
  } catch {
    return null;
  }
}
