import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

interface Loaded {
  readonly images?: readonly {
    readonly name: string;
    readonly base: { readonly reference?: string };
    readonly root: string;
  }[];
  readonly error?: string;
  readonly message?: string;
  readonly hint?: string;
}

let folder: string;
let loader: ChildProcess;
let answers: AsyncIterator<string>;

// One process loads them all, in a folder without package.json or node_modules.
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "lamella-definitions-")));
  const script = join(import.meta.dirname, "../../../testing/load-definitions.ts");
  loader = spawn(process.execPath, [script], {
    cwd: folder,
    env: { ...process.env, LAMELLA_HOME: join(folder, "home"), NODE_OPTIONS: "" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines: Interface = createInterface(loader.stdout as NodeJS.ReadableStream);
  answers = lines[Symbol.asyncIterator]();
});

afterAll(async () => {
  loader.kill();
  await rm(folder, { recursive: true });
});

async function load(argument: string): Promise<Loaded> {
  loader.stdin?.write(`${argument}\n`);
  const { value } = await answers.next();
  return JSON.parse(value as string) as Loaded;
}

/** Writes files, and loads the first of them (or the export `#name` of it). */
async function loadFiles(
  files: Readonly<Record<string, string>>,
  exportName = "",
): Promise<Loaded> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return load(`${Object.keys(files)[0]}${exportName}`);
}

/** Names and bases of the images. */
function found({ images }: Loaded): Readonly<Record<string, string | undefined>> | undefined {
  return images && Object.fromEntries(images.map(({ name, base }) => [name, base.reference]));
}

const esm = 'import { Image } from "lamella";\n';
const cjs = 'const { Image } = require("lamella");\n';

describe("a definition is loaded", () => {
  test("from a folder that has no package.json", async () => {
    const loaded = await loadFiles({
      "python/image.ts": `${esm}const base: string = "debian";\nexport default Image.fromBase(base);`,
    });
    expect(found(loaded)).toEqual({ default: "debian" });
    expect(loaded.images?.[0]?.root).toBe(join(folder, "python"));
  });

  test.each([
    ["commonjs", "esm", "image.ts", `${esm}export default Image.fromBase("debian");`],
    ["commonjs", "esm", "image.js", `${esm}export default Image.fromBase("debian");`],
    [
      "commonjs",
      "cjs",
      "image.ts",
      `${cjs}const a: string = "debian"; exports.default = Image.fromBase(a);`,
    ],
    ["module", "cjs", "image.js", `${cjs}exports.default = Image.fromBase("debian");`],
    ["module", "cjs", "image.ts", `${cjs}module.exports = { default: Image.fromBase("debian") };`],
    ["module", "cjs", "image.cjs", `${cjs}module.exports = { default: Image.fromBase("debian") };`],
    ["module", "cjs", "only.cts", `${cjs}module.exports = Image.fromBase("debian");`],
    ["commonjs", "esm", "image.mts", `${esm}export default Image.fromBase("debian" as string);`],
  ])("where package.json says %s and the syntax is %s: %s", async (type, syntax, name, text) => {
    const at = `${type}-${syntax}-${name}`.replaceAll(".", "-");
    await mkdir(join(folder, at), { recursive: true });
    await writeFile(join(folder, at, "package.json"), JSON.stringify({ type }));
    expect(found(await loadFiles({ [`${at}/${name}`]: text }))).toEqual({ default: "debian" });
  });

  test("with siblings that are named without extension, by that of their JavaScript, or as a folder", async () => {
    const loaded = await loadFiles({
      "siblings/image.ts": `${esm}import { a } from "./a";\nimport { b } from "./sub/b.js";\nimport { c } from "./c";
        export default Image.fromBase([a, b, c].join("-"));`,
      "siblings/a.ts": 'export const a: string = "a";',
      "siblings/sub/b.ts": 'import { a } from "../a.js"; export const b: string = `b${a}`;',
      "siblings/c/index.ts": 'export const c: string = "c";',
    });
    expect(found(loaded)).toEqual({ default: "a-ba-c" });
  });

  test("with required siblings", async () => {
    const loaded = await loadFiles({
      "required/image.ts": `${cjs}const { a } = require("./a"); const b = require("./b.cjs");
        module.exports = { one: Image.fromBase(a), two: b };`,
      "required/a.ts": 'exports.a = "a" as string;',
      "required/b.cjs": `${cjs}module.exports = Image.fromBase("b");`,
    });
    expect(found(loaded)).toEqual({ one: "a", two: "b" });
  });

  test("with the folder of the file that was named, in what it imports and after it awaited", async () => {
    const loaded = await loadFiles({
      "roots/image.ts": `${esm}import { deep } from "./lib/deep.ts"; await new Promise((r) => setTimeout(r, 5));
        export const own = Image.fromBase("own"); export { deep };`,
      "roots/lib/deep.ts": `${esm}await null; export const deep = Image.fromBase("deep");`,
    });
    expect(new Set(loaded.images?.map(({ root }) => root))).toEqual(
      new Set([join(folder, "roots")]),
    );
  });
});

describe("of several exports", () => {
  const file = {
    "several.ts": `${esm}export const a = Image.fromBase("a"), b = Image.fromBase("b"), again = a, n = 1;`,
  };

  test("all images are meant, each once, where none is the default", async () => {
    expect(found(await loadFiles(file))).toEqual({ a: "a", b: "b" });
  });

  test("the default one is meant where there is one", async () => {
    const text = `${esm}export const a = Image.fromBase("a"); export default Image.fromBase("b");`;
    expect(found(await loadFiles({ "default.ts": text }))).toEqual({ default: "b" });
    expect(found(await load("default.ts#a"))).toEqual({ a: "a" });
  });

  test("one is named, and found under a file name with # too", async () => {
    expect(found(await loadFiles(file, "#b"))).toEqual({ b: "b" });
    expect(
      found(await loadFiles({ "c#.ts": `${esm}export const x = Image.fromBase("x");` })),
    ).toEqual({ x: "x" });
    expect(found(await load("c#.ts#x"))).toEqual({ x: "x" });
  });

  test("a name that is not there, or is no image, is an error that lists them", async () => {
    expect(
      await loadFiles(
        { "names.ts": `${esm}export const trainer = Image.fromBase("a"), n = 1;` },
        "#trianer",
      ),
    ).toMatchObject({
      error: "definition-no-image",
      message: "names.ts has no export called trianer. Did you mean trainer?",
      hint: "It exports:\n  n: a number\n  trainer: an image",
    });
    expect((await load("names.ts#n")).message).toBe(
      "names.ts exports n, but it is a number, not an image.",
    );
  });
});

describe("what is wrong is named with file and line", () => {
  test.each<[string, Readonly<Record<string, string>>, string, RegExp | string]>([
    [
      "a throw",
      { "throw.ts": `${esm}function f() {\n  throw new TypeError("boom");\n}\nf();` },
      "throw.ts:3:9 threw TypeError: boom.",
      /--debug/,
    ],
    [
      "a throw in an import",
      { "deep.ts": 'import "./thrower";', "thrower.ts": '\nJSON.parse("{");' },
      "thrower.ts:2:6 threw SyntaxError: ",
      /--debug/,
    ],
    ["a throw of no error", { "string.ts": 'throw "boom";' }, "string.ts threw 'boom'.", /--debug/],
    [
      "a mistake in the definition",
      { "mistake.ts": `${esm}\nexport default Image.fromBase("not a name");` },
      "mistake.ts:3:22: ",
      /./,
    ],
    [
      "a type that is imported as a value",
      { "type.ts": `${esm}import { Size } from "./size.ts";`, "size.ts": "export type Size = 1;" },
      "type.ts:2:10: The requested module './size.ts' does not provide an export named 'Size'.",
      /import type \{ Size \}/,
    ],
    [
      "an enum",
      { "enum.ts": `${esm}\nenum Size { Small }` },
      "enum.ts:3:1: TypeScript enum is not supported.",
      /union of strings/,
    ],
    [
      "a parameter property",
      { "property.ts": "class A {\n  constructor(private a: number) {}\n}" },
      "property.ts:2:23: TypeScript parameter property is not supported.",
      /assign it in the constructor/,
    ],
    [
      "a mistake in the syntax",
      { "syntax.ts": `${esm}const a = ;` },
      "syntax.ts:2:11: Expression expected.",
      "Correct the file there.",
    ],
    [
      "a mistake in JavaScript",
      { "syntax.js": `${esm}const a = ;` },
      "syntax.js:2:11: Unexpected token ';'.",
      "Correct the file there.",
    ],
    [
      "a bracket that is never closed",
      { "open.ts": `${esm}\nexport default Image.fromBase("debian"\n\n` },
      "open.ts:3:39: Expected ',', got '<eof>'.",
      "Correct the file there.",
    ],
    [
      "a bracket that is never closed, in JavaScript",
      { "open.mjs": `${esm}\nexport default Image.fromBase("debian", {\n` },
      "open.mjs:3:42: Unexpected end of input.",
      "Correct the file there.",
    ],
    [
      "a name that is declared twice",
      { "twice.ts": "const a = 1;\nexport const b = 1;\nconst a = 2;" },
      "twice.ts:3:7: Identifier 'a' has already been declared.",
      "Correct the file there.",
    ],
    [
      "a sibling that is not there",
      { "missing.ts": `${esm}import "./nope";` },
      'missing.ts:2 imports "./nope", which is not there.',
      /relative/,
    ],
    [
      "a required sibling that is not there",
      { "missing.cjs": '\nrequire("./nope");' },
      'missing.cjs:2 imports "./nope", which is not there.',
      /relative/,
    ],
    [
      "a package that is not there",
      { "package.ts": 'import "@acme/nope/deep";' },
      'package.ts:1 imports "@acme/nope/deep", which is not there.',
      /npm install @acme\/nope$/,
    ],
    [
      "no image",
      { "none.ts": "export const p = Promise.resolve(1), f = () => 1;" },
      "none.ts exports no image.",
      /f: a function\n {2}p: a promise \(await it in the file\)/,
    ],
    [
      "no export",
      { "nothing.ts": "console.error;" },
      "nothing.ts exports no image.",
      /It exports nothing/,
    ],
  ])("%s", async (_what, files, message, hint) => {
    const loaded = await loadFiles(files);
    expect(loaded.error).toMatch(/^(definition|reference)-/);
    expect(loaded.message?.slice(0, message.length)).toBe(message);
    if (hint instanceof RegExp) expect(loaded.hint).toMatch(hint);
    else expect(loaded.hint).toBe(hint);
  });

  test("a file that is not there, a folder, and a file without a part after #", async () => {
    expect(await load("nope.ts")).toMatchObject({
      error: "definition-not-found",
      message: "There is no definition file nope.ts.",
    });
    expect(await load(".")).toMatchObject({
      error: "definition-not-found",
      message: ". is a directory.",
    });
    expect(
      await loadFiles({ "hash.ts": `${esm}export default Image.fromBase("a");` }, "#"),
    ).toMatchObject({
      error: "definition-no-image",
    });
  });
});

function definitionOn(base: string): string {
  return `${esm}const a: string = "${base}"; export default Image.fromBase(a);`;
}

test("a definition that was kept without its types is loaded anew when it changes", async () => {
  await loadFiles({ "kept/one.ts": definitionOn("one") });
  expect(found(await loadFiles({ "kept/two.ts": definitionOn("one") }))).toEqual({
    default: "one",
  });
  expect(found(await loadFiles({ "kept/three.ts": definitionOn("three") }))).toEqual({
    default: "three",
  });
});
