import * as fc from "fast-check";
import { stringify } from "smol-toml";
import { expect, test } from "vitest";
import { tomlLine } from "./toml-line.ts";

const text = `# a comment
version = 1
[tool."my.own"]
list = [
  { name = "x" },
]
[[rows]]
name = "a"
[[rows.files]]
url = "1"
[[rows.files]]
url = "2"
[rows.files.hashes]
'sha 256' = "f"
[[rows]] # the second
name = "b"
a.b = 2
`;

test.each([
  [["version"], 2],
  [["tool", "my.own"], 3],
  [["tool", "my.own", "list", 0, "name"], 4],
  [["rows", 0], 7],
  [["rows", 0, "name"], 8],
  [["rows", 0, "files", 0, "url"], 10],
  [["rows", 0, "files", 1], 11],
  [["rows", 0, "files", 1, "hashes", "sha 256"], 14],
  [["rows", 1, "name"], 16],
  [["rows", 1, "a", "b"], 17],
  // What is missing has the line of what it is missing in.
  [["rows", 1, "files", 0, "url"], 15],
  [["rows", 2], undefined],
  [["nothing"], undefined],
  [[], undefined],
])("%j is in line %j", (path, line) => {
  expect(tomlLine(text, path)).toBe(line);
});

test("every value of what is written has the line of its key", () => {
  const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    table: fc.dictionary(fc.string({ minLength: 1 }), tie("value"), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string(),
      fc.nat(),
      tie("table"),
      fc.array(tie("table"), { maxLength: 3 }),
    ),
  })).table;
  fc.assert(
    fc.property(value, (document) => {
      const written = stringify(document);
      const lines = written.split("\n");
      for (const path of leaves(document, [])) {
        const line = tomlLine(written, path);
        const last = path.findLast((step) => typeof step === "string");
        expect(lines[(line ?? 0) - 1]).toContain(JSON.stringify(last).slice(1, -1));
      }
    }),
    { numRuns: 200 },
  );
});

function leaves(value: unknown, path: (string | number)[]): (string | number)[][] {
  if (Array.isArray(value)) return value.flatMap((one, index) => leaves(one, [...path, index]));
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([name, one]) => leaves(one, [...path, name]));
}
