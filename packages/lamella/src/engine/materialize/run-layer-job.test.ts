import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeWheel } from "../../../testing/wheel-writer.ts";
import { sha256 } from "../../files/digest.ts";
import { decompressLayer } from "../../oci/decompress.ts";
import { mediaType } from "../../oci/media-type.ts";
import { readTar } from "../../oci/tar-reader.ts";
import { findCompiler } from "../../python/bytecode.ts";
import { InvalidWheelError } from "../../python/wheel-error.ts";
import { Store } from "../../store/store.ts";
import { Compilers } from "./compilers.ts";
import { keepBytecode } from "./kept-bytecode.ts";
import type { LayerJobResult, LocalWheel } from "./layer-job.ts";
import { type Bench, runLayerJob } from "./run-layer-job.ts";

const target = { python: "3.11", prefix: "/opt/venv", physicalPrefix: "opt/venv" };
const site = "opt/venv/lib/python3.11/site-packages";

let folder: string;
let bench: Bench;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-jobs-"));
  const { signal } = new AbortController();
  const store = await Store.open(join(folder, "store"));
  bench = { store, compilers: new Compilers(signal), signal };
});

afterAll(async () => {
  await bench.compilers[Symbol.asyncDispose]();
  await bench.store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function wheel(name: string, files: Readonly<Record<string, string>>): Promise<LocalWheel> {
  const path = await writeWheel(folder, { name, version: "1.0", files });
  const digest = sha256(await readFile(path));
  return { name, digest, path, filename: `${name}-1.0-py3-none-any.whl` };
}

/** The layer's files with their contents. */
async function filesOf({ layer }: LayerJobResult): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  if (!layer) return files;
  const tar = decompressLayer(bench.store.blobs.read(layer.digest), mediaType.layerGzip);
  for await (const entry of readTar(tar)) {
    if (entry.kind === "file") files.set(entry.path, await text(entry.content));
  }
  return files;
}

test("where two wheels of a layer own a path, the one whose name sorts last has it", async () => {
  const wheels = [
    await wheel("zebra", { "shared.py": "owner = 'zebra'\n" }),
    await wheel("apple", { "shared.py": "owner = 'apple'\n", "apple.py": "" }),
  ];
  const files = await filesOf(await runLayerJob({ kind: "wheels", wheels, target }, bench));
  expect(files.get(`${site}/shared.py`)).toBe("owner = 'zebra'\n");
  expect(files.has(`${site}/apple.py`)).toBe(true);
  const reversed = wheels.toReversed();
  expect(await runLayerJob({ kind: "wheels", wheels: reversed, target }, bench)).toEqual(
    await runLayerJob({ kind: "wheels", wheels, target }, bench),
  );
});

test("the overlaps' layer has the winner's file alone, and says whose it is", async () => {
  const wheels = [
    await wheel("pear", { "pkg/shared.py": "owner = 'pear'\n", "pkg/same.py": "same = 1\n" }),
    await wheel("plum", { "pkg/shared.py": "owner = 'plum'\n", "pkg/same.py": "same = 1\n" }),
  ];
  const compiler = await findCompiler({ python: "3.11", env: process.env });
  const job = { kind: "overlaps", wheels, target, ...(compiler ? { compiler } : {}) } as const;
  const result = await runLayerJob(job, bench);
  const files = await filesOf(result);
  expect(files.get(`${site}/pkg/shared.py`)).toBe("owner = 'plum'\n");
  const bytecode = compiler ? [`${site}/pkg/__pycache__/shared.${compiler.cacheTag}.pyc`] : [];
  expect([...files.keys()].sort()).toEqual([`${site}/pkg/shared.py`, ...bytecode].sort());
  expect(result.warnings).toEqual([
    `pear and plum both install /${site}/pkg/shared.py; the file of plum is kept.`,
  ]);
});

test("bytecode is compiled once for each wheel, whatever shares its layer", async () => {
  const compiler = await findCompiler({ python: "3.11", env: process.env });
  if (!compiler) throw new Error("There is no Python 3.11 to test with.");
  const one = await wheel("kept", { "kept/__init__.py": "", "kept/part.py": "x = 1\n" });
  const two = await wheel("other", { "other.py": "y = 1\n" });
  const job = { kind: "bytecode", target, compiler } as const;
  const alone = await runLayerJob({ ...job, wheels: [one] }, bench);
  const paths = ["kept/__pycache__/__init__", "kept/__pycache__/part"].map(
    (path) => `${site}/${path}.${compiler.cacheTag}.pyc`,
  );
  expect([...(await filesOf(alone)).keys()]).toEqual(paths);

  // A compiler that is none: only what is new may be compiled.
  await using broken = new Compilers(bench.signal);
  const without = { ...bench, compilers: broken };
  const missing = { ...compiler, executable: "/nowhere" };
  const again = { ...job, compiler: missing, wheels: [one] };
  expect(await runLayerJob(again, without)).toEqual(alone);
  const both = { ...again, wheels: [one, two] };
  await expect(runLayerJob(both, without)).rejects.toThrow("/nowhere");

  const together = await filesOf(await runLayerJob({ ...job, wheels: [one, two] }, bench));
  const other = `${site}/__pycache__/other.${compiler.cacheTag}.pyc`;
  expect([...together.keys()].sort()).toEqual([...paths, other].sort());
});

test("bytecode in the store that is damaged is made anew", async () => {
  const compiler = await findCompiler({ python: "3.11", env: process.env });
  if (!compiler) throw new Error("There is no Python 3.11 to test with.");
  const one = await wheel("damaged", { "damaged.py": "x = 'what is damaged'\n" });
  const { blob } = await keepBytecode(one, { target, compiler, ...bench });
  const job = { kind: "bytecode", target, compiler, wheels: [one] } as const;
  const path = bench.store.blobs.path(blob);
  const bytes = await readFile(path);
  for (const damaged of [bytes.fill(0, 20, 30), bytes.subarray(10), undefined]) {
    await (damaged ? writeFile(path, damaged) : rm(path));
    const files = await filesOf(await runLayerJob(job, bench));
    expect([...files.keys()]).toEqual([`${site}/__pycache__/damaged.${compiler.cacheTag}.pyc`]);
  }
});

test("wheels that own nothing together have no overlaps' layer", async () => {
  const wheels = [await wheel("one", { "one.py": "" }), await wheel("two", { "two.py": "" })];
  expect(await runLayerJob({ kind: "overlaps", wheels, target }, bench)).toEqual({ warnings: [] });
});

test("of several wheels the one whose file is not what it announces is named", async () => {
  const lies = { central: { crc: 1 }, local: { crc: 1 } };
  const path = await writeWheel(folder, {
    name: "liar",
    version: "1.0",
    members: [{ name: "liar/data.txt", content: "a lie", ...lies }],
  });
  const filename = "liar-1.0-py3-none-any.whl";
  const wheels = [
    await wheel("good", { "good.py": "" }),
    { name: "liar", digest: sha256(""), path, filename },
  ];
  const made = runLayerJob({ kind: "wheels", wheels, target }, bench);
  await expect(made).rejects.toThrow(InvalidWheelError);
  await expect(made).rejects.toThrow(
    `The wheel ${filename} cannot be used: what becomes "/${site}/liar/data.txt"`,
  );
});
