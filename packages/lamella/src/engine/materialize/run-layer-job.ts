import pLimit from "p-limit";
import { place } from "../../base/placement.ts";
import type { FileEntry } from "../../files/entry.ts";
import { treeEntries } from "../../files/tree.ts";
import { ContentMismatchError } from "../../oci/error.ts";
import { bytecodePath } from "../../python/bytecode.ts";
import { installedPaths, wheelEntries } from "../../python/wheel.ts";
import { invalidWheel } from "../../python/wheel-error.ts";
import type { Compilers } from "./compilers.ts";
import { readGrounds } from "./grounds.ts";
import { keepBytecode, keptEntries } from "./kept-bytecode.ts";
import type {
  BytecodeJob,
  LayerJob,
  LayerJobResult,
  LocalWheel,
  OverlapsJob,
  SourceJob,
  WheelsJob,
} from "./layer-job.ts";
import { byPrecedence, findOverlaps, merged } from "./overlaps.ts";
import { type LayerStore, storeLayer, storeLayerUnlessEmpty } from "./store-layer.ts";

/** Wheels of a layer that are compiled at once: many have too few sources to keep all interpreters busy. */
const wheelsCompiling = 2;

/** What a thread makes its layers with. */
export interface Bench extends LayerStore {
  readonly compilers: Compilers;
}

/** Makes the layer that a job describes, if it describes one, and puts it into the store. The signal ends it, whatever it is at. */
export async function runLayerJob(job: LayerJob, bench: Bench): Promise<LayerJobResult> {
  switch (job.kind) {
    case "wheels": {
      const entries = merged(job.wheels, (wheel) => installed(wheel, job));
      return { layer: await namingWheel(job, storeLayer(bench, entries)), warnings: [] };
    }
    case "bytecode":
      return makeBytecode(job, bench);
    case "overlaps":
      return makeOverlaps(job, bench);
    case "grounds":
      return { grounds: await readGrounds(job.wheel, job.target), warnings: [] };
    case "source":
      return { layer: await storeLayer(bench, sourceEntries(job)), warnings: [] };
  }
}

function installed(
  wheel: LocalWheel,
  { target }: Pick<WheelsJob, "target">,
): AsyncIterable<FileEntry> {
  const { path, filename, directUrl } = wheel;
  return wheelEntries(path, { ...target, filename, ...(directUrl ? { directUrl } : {}) });
}

/** Names the wheel where a content is not what the wheel's directory says. */
async function namingWheel<T>(
  { wheels, target }: Pick<WheelsJob, "wheels" | "target">,
  layer: Promise<T>,
): Promise<T> {
  try {
    return await layer;
  } catch (error) {
    if (!(error instanceof ContentMismatchError)) throw error;
    for (const { path, filename } of byPrecedence(wheels)) {
      const files = await installedPaths(path, { ...target, filename });
      if (files.some((file) => file.path === error.path)) {
        const what = JSON.stringify(`/${error.path}`);
        throw invalidWheel(filename, `what becomes ${what} is not what it announces`, error);
      }
    }
    throw error;
  }
}

async function makeBytecode(job: BytecodeJob, bench: Bench): Promise<LayerJobResult> {
  const layer = await storeLayerUnlessEmpty(bench, bytecode(job.wheels, job, bench));
  return layer ? { layer, warnings: [] } : { warnings: [] };
}

/** The bytecode of wheels, for a layer above theirs. While that of one is written, the next is compiled. */
function bytecode(
  wheels: readonly LocalWheel[],
  { target, compiler }: Pick<BytecodeJob, "target" | "compiler">,
  bench: Bench,
): AsyncGenerator<FileEntry, void, void> {
  const compiling = pLimit(wheelsCompiling);
  const kept = new Map(
    wheels.map((wheel) => {
      const one = compiling(() => keepBytecode(wheel, { target, compiler, ...bench }));
      // Awaited when its turn comes; until then a failure must not count as unhandled.
      one.catch(() => {});
      return [wheel.name, one];
    }),
  );
  return merged(wheels, async function* ({ name }) {
    const one = await kept.get(name);
    if (one) yield* keptEntries(one, bench.store);
  });
}

async function makeOverlaps(job: OverlapsJob, bench: Bench): Promise<LayerJobResult> {
  const overlaps = await findOverlaps(job.wheels, job.target);
  if (overlaps.size === 0) return { warnings: [] };
  const owners = new Set([...overlaps.values()].flat());
  const entries = overlapEntries(job, bench, owners, overlaps);
  const layer = await namingWheel(job, storeLayer(bench, entries));
  const warnings = [...overlaps].map(
    ([path, names]) =>
      `${names.join(" and ")} both install /${path}; the file of ${names.at(-1)} is kept.`,
  );
  return { layer, warnings };
}

/** The contested files of the winners, with their directories, and then their bytecode. */
async function* overlapEntries(
  job: OverlapsJob,
  bench: Bench,
  owners: ReadonlySet<string>,
  overlaps: ReadonlyMap<string, readonly string[]>,
): AsyncGenerator<FileEntry, void, void> {
  const wheels = job.wheels.filter(({ name }) => owners.has(name));
  yield* only(
    overlaps,
    merged(wheels, (wheel) => installed(wheel, job)),
  );
  const { compiler, target } = job;
  if (!compiler) return;
  const compiled = new Set(
    Array.from(overlaps.keys(), (path) => bytecodePath(path, compiler.cacheTag)),
  );
  yield* only(compiled, bytecode(wheels, { target, compiler }, bench));
}

/** The files at these paths, each after the directories that lead to it. */
async function* only(
  paths: { has(path: string): boolean },
  entries: AsyncIterable<FileEntry>,
): AsyncGenerator<FileEntry, void, void> {
  const directories = new Map<string, FileEntry>();
  for await (const entry of entries) {
    if (entry.kind === "directory") directories.set(entry.path, entry);
    if (!paths.has(entry.path)) continue;
    for (
      let slash = entry.path.indexOf("/");
      slash > 0;
      slash = entry.path.indexOf("/", slash + 1)
    ) {
      const directory = directories.get(entry.path.slice(0, slash));
      if (directory) yield directory;
      directories.delete(entry.path.slice(0, slash));
    }
    yield entry;
  }
}

/** The tree's files as the step's owner has them, placed on what lies below. */
function sourceEntries({ tree, destination, owner, outline }: SourceJob): AsyncIterable<FileEntry> {
  return place(outline, treeEntries(tree, destination, owner));
}
