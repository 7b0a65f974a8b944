import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LamellaResult, lamella } from "../../testing/lamella.ts";

const example = join(import.meta.dirname, "../../../../examples/plugin");
const program = [process.execPath, join(import.meta.dirname, "bin.ts")] as const;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-plugins-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(path: string, text: string): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

async function run(inputs: readonly string[], env: object = {}): Promise<LamellaResult> {
  await mkdir(join(folder, "work"), { recursive: true });
  return lamella(inputs, {
    cwd: join(folder, "work"),
    program,
    env: { HOME: folder, LAMELLA_HOME: join(folder, "home"), ...env },
  });
}

test("the example package gives the default image and the builder, from where the configuration file is", async () => {
  await cp(example, join(folder, "node_modules/@acme/lamella-plugin"), { recursive: true });
  await write(
    ".flyte/config.yaml",
    'lamella: { plugins: ["@acme/lamella-plugin"], builder: acme }',
  );
  await write(
    "work/image.ts",
    'import { Image } from "lamella";\nexport default Image.fromBase("127.0.0.1:1/base:1", { name: "a" }).withWorkdir("/a");',
  );
  const explained = await run(["default-image", "--explain"], {
    ACME_DEFAULT_IMAGE: "acme/task:v4",
  });
  expect(explained.stderr).toBe("");
  expect(explained.stdout).toMatch(
    /^acme\/task:v4\n\* {2}plugin +acme\/task:v4 +the plugin acme\n/,
  );
  const built = await run(["build", "image.ts"]);
  expect(built.code).toBe(1);
  expect(built.stderr).toMatch(/^error: .*The plugin acme: ACME_OWNER is not set/m);
  const planned = await run(["plan", "image.ts"]);
  expect(planned.stderr).toMatch(/^warning: Builds go to the builder acme; this is what the local/);
});

test("a path names a module beside the configuration file", async () => {
  await write("work/config.yaml", "lamella: { plugins: [./ours.mjs] }");
  await write(
    "work/ours.mjs",
    'export default { name: "ours", defaultImage: () => "acme/ours:v1" };',
  );
  expect(await run(["default-image"])).toMatchObject({ stdout: "acme/ours:v1\n", code: 0 });
});

test.each([
  ["is not there", undefined, /cannot be loaded: Cannot find package 'acme-plugin'/],
  ["throws when it is loaded", 'throw new Error("boom");', /cannot be loaded: boom/],
  ["exports nothing", "export const a = 1;", /is none: the default export is undefined\./],
  ["exports no plugin", "export default {};", /is none: the default export's name is undefined/],
  [
    "throws when it is asked",
    'export default { name: "ours", defaultImage() { throw new Error("no token"); } };',
    /^error: The plugin ours gives no default image: no token/,
  ],
])("a plugin that %s is an error that names it", async (_, text, message) => {
  await write("work/config.yaml", "lamella: { plugins: [acme-plugin] }");
  if (text !== undefined) {
    await write(
      "work/node_modules/acme-plugin/package.json",
      '{ "type": "module", "exports": { "import": "./a.js" } }',
    );
    await write("work/node_modules/acme-plugin/a.js", text);
  }
  const { stderr, code } = await run(["default-image"]);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^error: The plugin (acme-plugin|ours) /);
  expect(code).toBe(1);
});
