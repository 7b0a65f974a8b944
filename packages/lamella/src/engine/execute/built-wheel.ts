import { chmod, copyFile, link, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { StepMount } from "../../execution/step-mount.ts";
import { canonicalDigest } from "../../files/canonical.ts";
import { type Digest, digestHex } from "../../files/digest.ts";
import { digestRegularFile } from "../../files/regular-file.ts";
import type { WheelFile } from "../../python/lock.ts";
import type { ProcessResult } from "../../python/process.ts";
import { PackageBuildError } from "../../python/resolution-error.ts";
import { parseWheelFilename } from "../../python/wheel-filename.ts";
import { acquireLock } from "../../store/lock.ts";
import type { Store } from "../../store/store.ts";
import { wheelMediaType } from "../cache/cache-manifest.ts";
import type { CacheHolder } from "../cache/imported-caches.ts";
import { fetchLayers } from "../fetch-layers.ts";
import type { RunningTask } from "../journal.ts";
import { type Session, scoped } from "../session.ts";
import {
  type BuiltRecord,
  builtFolder,
  builtPath,
  builtWheels,
  parseBuiltRecord,
} from "./built-record.ts";
import type { SandboxCommand } from "./source-sandbox.ts";
import type { WheelSource } from "./wheel-source.ts";

/** To be raised with every change to how a wheel is built that changes what comes out. */
const recipe = "2";

/** The longest wheel that is taken, in bytes. */
const longestWheel = 16 * 1024 ** 3;

/** Lines of a build that its error has. */
const shownLines = 20;

/** What a wheel is built with. */
export interface Workbench {
  /** Of all that decides what comes out beside the source. */
  readonly environment: Digest;
  /** Absolute path in the sandbox. */
  readonly interpreter: string;
  readonly session: Session;
  /** Runs uv in the sandbox. */
  readonly uv: (
    args: readonly string[],
    mounts: readonly StepMount[],
    task: RunningTask,
  ) => Promise<ProcessResult>;
  /** Runs a command there. */
  readonly run: (command: SandboxCommand, task: RunningTask) => Promise<ProcessResult>;
}

/**
 * The wheel of a source, in the store: built, or built before in the same environment. Where a cache has it, its content
 * stays there until somebody needs it (`LateWheels`). Raises PackageBuildError, and what placing the source and
 * executing raise.
 */
export async function builtWheel(source: WheelSource, workbench: Workbench): Promise<WheelFile> {
  const { environment, session } = workbench;
  const { store, signal, lateWheels } = session;
  const key = canonicalDigest([
    "lamella.built-wheel",
    recipe,
    { environment, source: source.identity },
  ]);
  await using _ = await acquireLock(store, `built-wheel ${key}`, { signal });
  const known = await store.memos.get(builtWheels, key, parseBuiltRecord);
  if (known && isOf(source, known)) {
    const wheel = wheelFile(key, known, store);
    if (await isHere(key, known, session)) return wheel;
    for await (const cache of session.caches.holders(blobOf(known))) {
      lateWheels.announce(wheel, async () => {
        await using _held = await acquireLock(store, `built-wheel ${key}`, { signal });
        if (await isHere(key, known, session)) return;
        if (!(await fetchBuilt(key, known, cache, session))) {
          await buildAgain(key, known, source, workbench);
        }
      });
      return wheel;
    }
  }
  return wheelFile(key, await buildWheel(key, source, workbench), store);
}

function isOf({ name }: WheelSource, { filename }: BuiltRecord): boolean {
  return name === undefined || parseWheelFilename(filename).name === name;
}

function wheelFile(key: Digest, record: BuiltRecord, store: Store): WheelFile {
  return { ...record, url: pathToFileURL(builtPath(store, key, record)).href };
}

function blobOf({ sha256, size }: BuiltRecord): { readonly digest: Digest; readonly size: number } {
  return { digest: `sha256:${sha256}`, size };
}

async function isHere(
  key: Digest,
  record: BuiltRecord,
  { store, signal }: Session,
): Promise<boolean> {
  const isThere = await store.claimFolder(builtFolder(store, key), { signal });
  const stats = await stat(builtPath(store, key, record)).catch(() => undefined);
  return isThere && stats?.size === record.size;
}

/** Brings a wheel from a cache. Says whether that gave it. */
async function fetchBuilt(
  key: Digest,
  record: BuiltRecord,
  cache: CacheHolder,
  session: Session,
): Promise<boolean> {
  const { store, caches, signal } = session;
  const { digest, size } = blobOf(record);
  try {
    const layers = [{ digest, size, mediaType: wheelMediaType }];
    await fetchLayers({ layers, repository: cache.repository }, scoped(session));
  } catch (error) {
    signal.throwIfAborted();
    caches.leave(cache, error);
    return false;
  }
  await using scratch = await store.scratch("built");
  const kept = join(scratch.path, "kept");
  await mkdir(kept);
  const blob = store.blobs.path(digest);
  const file = join(kept, record.filename);
  await link(blob, file).catch(() => copyFile(blob, file));
  await keep(key, kept, store);
  return true;
}

/** Builds what a cache knew and could not give. Raises PackageBuildError where something else comes out. */
async function buildAgain(
  key: Digest,
  known: BuiltRecord,
  source: WheelSource,
  workbench: Workbench,
): Promise<void> {
  const made = await buildWheel(key, source, workbench);
  if (made.sha256 === known.sha256) return;
  throw new PackageBuildError(
    `The wheel of ${source.title} could not be fetched from the cache, and was built otherwise here.`,
    "Build again: from now on the one that was built here is taken.",
  );
}

async function buildWheel(
  key: Digest,
  source: WheelSource,
  workbench: Workbench,
): Promise<BuiltRecord> {
  const { store, journal } = workbench.session;
  return await journal.task("execute", `build ${source.title}`, async (task) => {
    await using scratch = await store.scratch("build");
    const output = join(scratch.path, "wheels");
    await mkdir(output);
    await build(source, output, scratch.path, workbench, task);
    const made = await takeWheel(source, output);
    const kept = join(scratch.path, "kept");
    await mkdir(kept);
    await rename(join(output, made.filename), join(kept, made.filename));
    await chmod(join(kept, made.filename), 0o644);
    await keep(key, kept, store);
    await store.memos.put(builtWheels, key, made);
    task.finish("done", { bytes: made.size });
    return made;
  });
}

/** Makes a folder of ours, with a wheel in it, the one of the key. */
async function keep(key: Digest, kept: string, store: Store): Promise<void> {
  const folder = builtFolder(store, key);
  await rm(folder, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  await rename(kept, folder);
}

/** Builds the wheel into a folder. */
async function build(
  source: WheelSource,
  output: string,
  scratch: string,
  { interpreter, uv }: Workbench,
  task: RunningTask,
): Promise<void> {
  const { path, mounts } = await source.place(scratch);
  const args = [
    ["build", "--wheel", "--no-config", "--color=never", "--no-progress"],
    [`--python=${interpreter}`, "--cache-dir=/tmp/lamella-uv-cache"],
    [`--out-dir=${output}`, path],
  ].flat();
  const own = { kind: "output", path: output, destination: output } as const;
  const { code, stderr } = await uv(args, [own, ...mounts], task);
  if (code === 0) return;
  const lines = stderr.trim().split("\n").slice(-shownLines).join("\n");
  throw new PackageBuildError(
    `${source.title} could not be built:\n${lines}`,
    "Read what its build says. A library that it needs is installed by withAptPackages, below the first Python packages of the image.",
  );
}

/** What a build left, which may be anything. */
async function takeWheel({ name, title }: WheelSource, folder: string): Promise<BuiltRecord> {
  const wrong = (why: string): PackageBuildError =>
    new PackageBuildError(
      `The build of ${title} left no wheel that can be used: ${why}.`,
      "Ask for another version of it, or tell its publisher.",
    );
  const wheels = (await readdir(folder)).filter((entry) => entry.endsWith(".whl"));
  const [filename] = wheels;
  if (filename === undefined || wheels.length > 1) throw wrong(`there are ${wheels.length} wheels`);
  const parsed = parseWheelFilename(filename);
  if (name !== undefined && parsed.name !== name)
    throw wrong(`${filename} is one of ${parsed.name}`);
  try {
    const { digest, size } = await digestRegularFile(join(folder, filename), longestWheel);
    return { filename, sha256: digestHex(digest), size };
  } catch (error) {
    throw wrong((error as Error).message);
  }
}
