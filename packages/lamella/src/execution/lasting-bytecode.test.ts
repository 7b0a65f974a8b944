import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lastingBytecode } from "./lasting-bytecode.ts";

// Python's own compiler is the oracle.

const run = promisify(execFile);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-bytecode-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Compiles a source as Python does when it imports it, or in another mode; the path of the bytecode. */
async function compile(source: string, mode: string): Promise<string> {
  const program =
    "import py_compile, sys; print(py_compile.compile(sys.argv[1], invalidation_mode=py_compile.PycInvalidationMode[sys.argv[2]]))";
  return (await run("python3", ["-I", "-c", program, source, mode])).stdout.trim();
}

async function lasting(path: string, pieceBytes = 7): Promise<Buffer> {
  const bytes = await readFile(path);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      yield bytes.subarray(at, at + pieceBytes);
    }
  }
  return Buffer.concat(await Array.fromAsync(lastingBytecode(path, pieces())));
}

test.each(["", "x = 1\n", "# größe\n" + "y = 'abc'\n".repeat(1000)])(
  "what is valid for a time becomes what Python compiles unchecked",
  async (text) => {
    const source = join(folder, "module.py");
    await writeFile(source, text);
    await utimes(source, 1_000_000_000, 1_000_000_000);
    const found = await lasting(await compile(source, "TIMESTAMP"));
    expect(found.equals(await readFile(await compile(source, "UNCHECKED_HASH")))).toBe(true);
  },
);

test("what is valid no more, has no source, or is valid for a hash, stays as it is", async () => {
  const source = join(folder, "other.py");
  await writeFile(source, "x = 1\n");
  const checked = await compile(source, "CHECKED_HASH");
  expect((await lasting(checked)).equals(await readFile(checked))).toBe(true);
  const path = await compile(source, "TIMESTAMP");
  await utimes(source, 1, 1);
  expect((await lasting(path)).equals(await readFile(path))).toBe(true);
  await rm(source);
  expect((await lasting(path, 1000)).equals(await readFile(path))).toBe(true);
});

test("what is no bytecode passes through", async () => {
  await mkdir(join(folder, "__pycache__"), { recursive: true });
  const path = join(folder, "__pycache__/short.cpython-311.pyc");
  for (const text of ["", "short", "long enough to have a header, and more"]) {
    await writeFile(path, text);
    expect((await lasting(path, 3)).toString()).toBe(text);
  }
});
