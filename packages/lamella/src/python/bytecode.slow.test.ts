import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BytecodeCompiler, type Compiler, findCompiler } from "./bytecode.ts";

// The oracle: what uv compiles when it installs. It needs Python 3.11 and the package index.

const run = promisify(execFile);

/** Python 2 among the files, tests that must not compile, thousands of files, sets in constants. */
const packages = ["debugpy", "setuptools", "pandas", "plotly", "six", "docutils==0.19"];

let scratch: string;
let uv: string;
let wheels: string[];
let compiler: Compiler;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "lamella-bytecode-oracle-"));
  const found = await findCompiler({ python: "3.11", env: process.env });
  if (!found) throw new Error("There is no Python 3.11 to test with.");
  compiler = found;
  await run("python3", ["-m", "pip", "install", "-q", "--target", join(scratch, "uv"), "uv"]);
  uv = join(scratch, "uv/bin/uv");
  const folder = join(scratch, "wheels");
  const seed = join(scratch, "seed");
  await run(uv, ["venv", "--no-config", "-q", "--seed", "-p", compiler.executable, seed]);
  const what = ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder, ...packages];
  await run(join(seed, "bin/python"), ["-m", "pip", "download", ...what]);
  wheels = (await readdir(folder)).map((name) => join(folder, name));
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

describe("bytecode", () => {
  it("is that of uv's own compilation, but for reference flags and suites of tests", async () => {
    const prefix = join(scratch, "venv");
    await run(uv, ["venv", "--no-config", "-q", "-p", compiler.executable, prefix]);
    const args = ["pip", "install", "--no-config", "-q", "--no-deps", "--compile-bytecode"];
    await run(uv, [...args, "--python", prefix, ...wheels], {
      env: { ...process.env, UV_LINK_MODE: "copy", PYC_INVALIDATION_MODE: "UNCHECKED_HASH" },
    });
    const theirs = new Map<string, Buffer>();
    for (const entry of await readdir(prefix, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.name.endsWith(".pyc")) theirs.set(relative(prefix, path), await readFile(path));
    }
    const tests = [...theirs.keys()].filter((path) => path.includes("/tests/"));
    expect(tests.length).toBeGreaterThan(500);
    for (const path of tests) theirs.delete(path);
    expect(theirs.size).toBeGreaterThan(1000);

    const target = { python: "3.11", prefix, physicalPrefix: "venv" };
    const different: string[] = [];
    const ours = new Set<string>();
    await using running = new BytecodeCompiler(compiler);
    for (const wheel of wheels) {
      for await (const file of running.compile({ path: wheel }, target)) {
        const path = relative("venv", file.path);
        ours.add(path);
        if (theirs.get(path)?.equals(file.bytes)) continue;
        const copy = join(scratch, `${different.length}.pyc`);
        await writeFile(copy, file.bytes);
        different.push(copy, join(prefix, path));
      }
    }
    expect([...ours].sort()).toEqual([...theirs.keys()].sort());
    // Which references uv's bytes hold depends on what each of its processes compiled before, and so on the number of cores and on
    // chance. Version 2 of the format has none of them, and everything else: file names and line numbers too.
    const compare = `
import marshal, sys
plain = lambda code: marshal.dumps(marshal.loads(code), 2)
paths = sys.stdin.read().split("\\0")
for one, two in zip(paths[::2], paths[1::2]):
    one_bytes, two_bytes = open(one, "rb").read(), open(two, "rb").read()
    assert one_bytes[:16] == two_bytes[:16], two
    assert plain(one_bytes[16:]) == plain(two_bytes[16:]), two
`;
    const comparison = run(compiler.executable, ["-c", compare]);
    comparison.child.stdin?.end(different.join("\0"));
    await comparison;
  });
});
