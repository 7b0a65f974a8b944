import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { definitionRoot, loadedDefinitionRoot, withDefinitionRoot } from "./definition-root.ts";

const module = new URL("./definition-root.ts", import.meta.url).href;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "definition-root-"));
  const wait = "await new Promise((done) => setTimeout(done, 20));";
  for (const name of ["one", "two"]) {
    await mkdir(join(folder, name, "nested"), { recursive: true });
    const files = {
      "image.ts": `
        import { definitionRoot } from ${JSON.stringify(module)};
        import { nested } from "./nested/nested.ts";
        const first: string = definitionRoot();
        ${wait}
        const second = definitionRoot();
        const { dynamic } = await import("./nested/dynamic.ts");
        export const seen = { first, second, last: definitionRoot(), dynamic, ...nested };`,
      "nested/nested.ts": `
        import { definitionRoot } from ${JSON.stringify(module)};
        const before = definitionRoot();
        ${wait}
        export const nested = { before, after: definitionRoot() };`,
      "nested/dynamic.ts": `
        import { definitionRoot } from ${JSON.stringify(`${module}?another-copy`)};
        export const dynamic = definitionRoot();`,
    };
    for (const [path, text] of Object.entries(files)) {
      await writeFile(join(folder, name, path), text);
    }
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a definition's folder holds through awaits, in nested imports and in another copy of this code", () => {
  // In a process of its own: Vitest's loader is not the one that definitions meet.
  const script = `
    import { dirname, join } from "node:path";
    import { definitionRoot, withDefinitionRoot } from ${JSON.stringify(module)};
    const load = (name) => {
      const file = join(process.argv[1], name, "image.ts");
      return withDefinitionRoot(dirname(file), () => import(file));
    };
    const [one, two] = await Promise.all(["one", "two"].map(load));
    console.log(JSON.stringify({ one: one.seen, two: two.seen, outside: definitionRoot() }));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script, folder], {
    cwd: folder,
  });
  const root = (name: string): Record<string, string> =>
    Object.fromEntries(
      ["first", "second", "last", "dynamic", "before", "after"].map((key) => [
        key,
        join(folder, name),
      ]),
    );
  expect(JSON.parse(output.toString())).toEqual({
    one: root("one"),
    two: root("two"),
    outside: folder,
  });
});

test("without a definition it is the working directory", () => {
  expect(loadedDefinitionRoot()).toBeUndefined();
  expect(definitionRoot()).toBe(process.cwd());
  expect(withDefinitionRoot("/a/../b", definitionRoot)).toBe("/b");
});
