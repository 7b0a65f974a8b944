import { execFileSync, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { placeEntries } from "../../testing/file-entries.ts";
import { type TestWheel, writeWheel } from "../../testing/wheel-writer.ts";
import { bytesFile } from "../files/entry.ts";
import { compilerFlags } from "./bytecode/compiler.ts";
import { compilerProgram } from "./bytecode/program.ts";
import {
  BytecodeCompiler,
  type BytecodeCompilerOptions,
  type CompiledFile,
  type Compiler,
  findCompiler,
} from "./bytecode.ts";
import type { InstallTarget } from "./install-target.ts";
import { wheelEntries } from "./wheel.ts";
import { CompilerFailedError, InvalidWheelError } from "./wheel-error.ts";

let folder: string;
let python: string;
let compiler: Compiler;
let target: InstallTarget;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-bytecode-"));
  python = execFileSync("python3", ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"], {
    encoding: "utf8",
  }).trim();
  const found = await findCompiler({ python, env: process.env });
  if (!found) throw new Error("There is no Python to test with.");
  compiler = found;
  target = { python, prefix: "/opt/venv", physicalPrefix: "opt/venv" };
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** A wheel with more sources than a chunk has. */
async function largeWheel(): Promise<string> {
  const names = Array.from({ length: 150 }, (_, index) => `big/part${index}/mod${index}.py`);
  const files = Object.fromEntries(
    names.map((name, index) => [
      name,
      `"""Module ${index}."""\nA = {"a", "b", "c", ${index}}\ndef f(x=(1, 2, ${index})):\n    return x in {"p", "q", "r"}\n`,
    ]),
  );
  return writeWheel(folder, { name: "big", files });
}

/** A compiler for one wheel alone. */
async function* compiled(
  path: string,
  options: BytecodeCompilerOptions = { workers: 1 },
  by = compiler,
): AsyncGenerator<CompiledFile, void, void> {
  await using running = new BytecodeCompiler(by, options);
  yield* running.compile({ path }, target);
}

async function compile(wheel: TestWheel): Promise<CompiledFile[]> {
  return Array.fromAsync(compiled(await writeWheel(folder, wheel)));
}

function modules(files: readonly CompiledFile[]): string[] {
  const site = `opt/venv/lib/python${python}/site-packages/`;
  return files.map(({ path }) => path.replace(site, "").replace(`.${compiler.cacheTag}.pyc`, ""));
}

describe("bytecode", () => {
  it("is what Python takes for a module's, without a look at times or sources", async () => {
    const prefix = join(folder, "installed");
    const placed = { python, prefix, physicalPrefix: prefix.slice(1) };
    const path = await writeWheel(folder, {
      files: { "demo/__init__.py": "def where():\n    return where.__code__.co_filename\n" },
    });
    await placeEntries("/", wheelEntries(path, placed));
    await using running = new BytecodeCompiler(compiler, { workers: 1 });
    for await (const file of running.compile({ path }, placed)) {
      await mkdir(dirname(`/${file.path}`), { recursive: true });
      await placeEntries("/", [bytesFile(file.path, file.bytes)]);
    }
    const site = join(prefix, `lib/python${python}/site-packages`);
    // Whoever sees this text has not read the bytecode.
    await writeFile(join(site, "demo/__init__.py"), "raise SystemExit('compiled anew')");
    const output = execFileSync(
      compiler.executable,
      ["-c", "import demo; print(demo.where(), demo.__cached__)"],
      { encoding: "utf8", env: { PYTHONPATH: site } },
    );
    const cached = `${site}/demo/__pycache__/__init__.${compiler.cacheTag}.pyc`;
    expect(output).toBe(`${site}/demo/__init__.py ${cached}\n`);
  });

  it("is the same for any number of workers, and beside any other wheel", async () => {
    const big = await largeWheel();
    const small = await writeWheel(folder, { name: "small", files: { "small.py": "1" } });
    const alone = await Array.fromAsync(compiled(big));
    expect(alone).toHaveLength(150);
    expect(await Array.fromAsync(compiled(big, { workers: 3 }))).toEqual(alone);
    await using running = new BytecodeCompiler(compiler, { workers: 2 });
    const [, beside] = await Promise.all(
      [small, big].map((path) => Array.fromAsync(running.compile({ path }, target))),
    );
    expect(beside).toEqual(alone);
  });

  it("is the same by a Python whose own library has no bytecode", async () => {
    const executable = join(folder, "python-without-cache");
    const empty = join(folder, "no-cache");
    await writeFile(
      executable,
      `#!/bin/sh\nPYTHONPYCACHEPREFIX=${empty} exec ${compiler.executable} "$@"\n`,
      { mode: 0o755 },
    );
    const characters = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at));
    const path = await writeWheel(folder, {
      name: "characters",
      files: { "characters.py": `ALL = ${JSON.stringify(characters)}\nimport os as o\n` },
    });
    const [cached, uncached] = await Promise.all(
      [compiler, { ...compiler, executable }].map((by) =>
        Array.fromAsync(compiled(path, { workers: 1 }, by)),
      ),
    );
    expect(cached).toHaveLength(1);
    expect(uncached).toEqual(cached);
  });

  it("is of what lies among the packages and ends in .py, but for suites of tests", async () => {
    const entries = await compile({
      files: {
        "demo.py": "",
        "demo/with.dots.py": "",
        "demo/stub.pyi": "",
        "demo/.py": "",
        "demo/__pycache__/old.py": "",
        "demo/tests/test_demo.py": "",
        "demo/testing/tests.py": "",
        "demo-1.0.data/purelib/pure.py": "",
        "demo-1.0.data/scripts/script.py": "#!python\n",
        "demo-1.0.data/data/share/data.py": "",
        [`demo-1.0.data/data/lib/python${python}/site-packages/from_data.py`]: "",
      },
      members: [{ name: "demo/stored.py", content: "x = 1", stored: true }],
    });
    expect(modules(entries)).toEqual([
      "__pycache__/demo",
      "demo/__pycache__/stored",
      "demo/testing/__pycache__/tests",
      "demo/__pycache__/with.dots",
      "__pycache__/from_data",
      "__pycache__/pure",
    ]);
  });

  it("is left out, without a word, where a source does not compile", async () => {
    const entries = await compile({
      files: {
        "old.py": "print 'Python 2'\n",
        "nul.py": "x = '\0'\n",
        "latin.py": Buffer.from("x = '\xe4'\n", "latin1"),
        "declared.py": Buffer.from("# coding: latin-1\nx = '\xe4'\n", "latin1"),
        "unknown.py": "# coding: no-such-coding\n",
        "warns.py": "x = '\\d'\nassert (1, 'always')\n",
        "deep.py": `x = ${"(".repeat(250)}1${")".repeat(250)}\n`,
        "longer.py": `x = ${"-".repeat(20_000)}1\n`,
        "empty.py": "",
      },
    });
    expect(modules(entries)).toEqual([
      "__pycache__/declared",
      "__pycache__/empty",
      "__pycache__/warns",
    ]);
  });

  it("is not made of a wheel that lies about a source", async () => {
    const members = [{ name: "lie.py", content: "x = 1", central: { crc: 1 }, local: { crc: 1 } }];
    await expect(compile({ members })).rejects.toThrow(InvalidWheelError);
    await expect(compile({ members })).rejects.toThrow('"lie.py"');
  });
});

describe("a compiler", () => {
  it("serves several wheels at once, and ends in the middle when it is told to", async () => {
    const path = await largeWheel();
    const running = new BytecodeCompiler(compiler, { workers: 2 });
    const [one, two] = await Promise.all([
      Array.fromAsync(running.compile({ path }, target)),
      Array.fromAsync(running.compile({ path }, target)),
    ]);
    expect(modules(one)).toHaveLength(150);
    expect(modules(two)).toEqual(modules(one));
    const third = running.compile({ path }, target);
    const ended = expect(Array.fromAsync(third)).rejects.toThrow(/stopped|disposed/);
    await running[Symbol.asyncDispose]();
    await ended;
  });

  it("stops when the signal says so", async () => {
    const path = await largeWheel();
    const controller = new AbortController();
    const { signal } = controller;
    const entries = compiled(path, { workers: 1, signal });
    await entries.next();
    controller.abort(new Error("enough"));
    await expect(Array.fromAsync(entries)).rejects.toThrow("enough");
  });

  it("ends with whoever asked for it, though it is at work", async () => {
    const source = "def function(one, two=[]):\n    return [one, two]\n".repeat(20_000);
    const path = join(folder, "long.py");
    await writeFile(path, source);
    const job = [path, 0, source.length, source.length, crc32(source), 0, "/long.py"].join("\0");
    const length = Buffer.alloc(4);
    length.writeUInt32BE(job.length);
    const { stdin, stdout } = spawn(
      compiler.executable,
      [...compilerFlags, "-c", compilerProgram],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    stdin.write(Buffer.concat([length, Buffer.from(job)]), () => stdin.destroy());
    // Nobody has stdout open any more, and nobody has waited for the answer.
    expect(await buffer(stdout)).toHaveLength(0);
  });

  it("does without a source at which the interpreter crashes", async () => {
    // With little room for its stack an interpreter does not survive a long expression.
    const executable = join(folder, "crashing-python");
    await writeFile(executable, `#!/bin/sh\nulimit -s 300\nexec ${compiler.executable} "$@"\n`);
    await chmod(executable, 0o755);
    const long = `x = ${"1 + ".repeat(2500)}1\n`;
    const path = await writeWheel(folder, { files: { "a.py": "x = 1", "m.py": long, "z.py": "" } });
    const entries = await Array.fromAsync(compiled(path, {}, { ...compiler, executable }));
    expect(modules(entries)).toEqual(["__pycache__/a", "__pycache__/z"]);
  });

  it("that is none, or ends, is a typed error", async () => {
    const path = await writeWheel(folder, { files: { "a.py": "" } });
    for (const executable of [join(folder, "missing"), "/bin/false", "/bin/echo"]) {
      const entries = compiled(path, {}, { ...compiler, executable });
      await expect(Array.fromAsync(entries)).rejects.toThrow(CompilerFailedError);
    }
  });
});

describe("finding a compiler", () => {
  it("prefers the patch release that is asked for, and takes the first else", async () => {
    const bin = join(folder, "pythons/bin");
    await mkdir(bin, { recursive: true });
    await symlink(compiler.executable, join(bin, "python3"));
    const shim = join(bin, `python${python}`);
    await writeFile(shim, `#!/bin/sh\nexec ${compiler.executable} "$@"\n`);
    await chmod(shim, 0o755);
    const env = { PATH: `relative:${folder}/nowhere:${bin}` };
    expect(await findCompiler({ python, env })).toEqual(compiler);
    expect(await findCompiler({ python, preferred: compiler.version, env })).toEqual(compiler);
    expect(await findCompiler({ python, preferred: `${python}.999`, env })).toEqual(compiler);
  });

  it("looks where uv and pyenv keep theirs", async () => {
    for (const [root, env] of [
      ["uv", { UV_PYTHON_INSTALL_DIR: join(folder, "uv") }],
      ["data/uv/python", { XDG_DATA_HOME: join(folder, "data") }],
      ["home/.local/share/uv/python", { HOME: join(folder, "home") }],
      ["home2/.pyenv/versions", { HOME: join(folder, "home2") }],
      ["pyenv/versions", { PYENV_ROOT: join(folder, "pyenv") }],
    ] as const) {
      const bin = join(folder, root, "some-version/bin");
      await mkdir(bin, { recursive: true });
      await symlink(compiler.executable, join(bin, `python${python}`));
      expect(await findCompiler({ python, env })).toEqual(compiler);
    }
  });

  it("finds nothing where there is nothing, or another version", async () => {
    const bin = join(folder, "others");
    await mkdir(bin, { recursive: true });
    await symlink(compiler.executable, join(bin, "python3"));
    await symlink("/bin/true", join(bin, "python"));
    expect(await findCompiler({ python: "3.99", env: { PATH: bin } })).toBeUndefined();
    expect(await findCompiler({ python, env: {} })).toBeUndefined();
  });
});
