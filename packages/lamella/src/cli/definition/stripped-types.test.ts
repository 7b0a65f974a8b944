import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { stripTypesOnce } from "./stripped-types.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-stripped-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const source = "const answer: number = 42;\nexport default answer;\n";

test("what is kept is one file, and is given again", async () => {
  const stripped = stripTypesOnce(source, folder);
  expect(stripped).toContain("const answer         = 42;");
  expect(stripTypesOnce(source, folder)).toBe(stripped);
  const names = await readdir(folder);
  expect(names).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.js$/)]);
});

test("a file whose writer was killed is not believed, and is written anew", async () => {
  const stripped = stripTypesOnce(source, folder);
  const [name = ""] = await readdir(folder);
  const path = join(folder, name);
  for (const length of [0, 10, stripped.length - 1]) {
    await truncate(path, length);
    expect(stripTypesOnce(source, folder)).toBe(stripped);
    expect(await readFile(path, "utf8")).toBe(stripped);
  }
});

test("a folder that cannot be made is no error", async () => {
  await writeFile(join(folder, "file"), "");
  expect(stripTypesOnce(source, join(folder, "file"))).toContain("answer");
});
