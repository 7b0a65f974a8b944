import { chmod, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import * as z from "zod/mini";
import type { StepMount } from "../../execution/step-mount.ts";
import { canonicalDigest } from "../../files/canonical.ts";
import { type Digest, digestHex } from "../../files/digest.ts";
import { digestRegularFile } from "../../files/regular-file.ts";
import type { WheelFile } from "../../python/lock.ts";
import type { ProcessResult } from "../../python/process.ts";
import { PackageBuildError } from "../../python/resolution-error.ts";
import { parseWheelFilename } from "../../python/wheel-filename.ts";
import { acquireLock } from "../../store/lock.ts";
import type { RunningTask } from "../journal.ts";
import type { Session } from "../session.ts";
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

const builtRecord = z.object({
  filename: z.string(),
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  size: z.int().check(z.nonnegative()),
});

/**
 * The wheel of a source, in the store: built, or built before in the same environment. Raises PackageBuildError, and what
 * placing the source and executing raise.
 */
export async function builtWheel(source: WheelSource, workbench: Workbench): Promise<WheelFile> {
  const { environment, session } = workbench;
  const { store, signal, journal } = session;
  const { title, identity } = source;
  const key = canonicalDigest(["lamella.built-wheel", recipe, { environment, source: identity }]);
  const folder = store.path("built-wheels", digestHex(key));
  await using _ = await acquireLock(store, `built-wheel ${key}`, { signal });
  const known = await store.memos.get("built-wheel", key, (value) => z.parse(builtRecord, value));
  const isThere = await store.claimFolder(folder, { signal });
  const there = known && (await stat(join(folder, known.filename)).catch(() => undefined));
  if (known && isThere && there?.size === known.size) {
    return { ...known, url: pathToFileURL(join(folder, known.filename)).href };
  }
  return await journal.task("execute", `build ${title}`, async (task) => {
    await using scratch = await store.scratch("build");
    const output = join(scratch.path, "wheels");
    await mkdir(output);
    await build(source, output, scratch.path, workbench, task);
    const made = await takeWheel(source, output);
    await rm(folder, { recursive: true, force: true });
    await mkdir(dirname(folder), { recursive: true });
    const kept = join(scratch.path, "kept");
    await mkdir(kept);
    await rename(join(output, made.filename), join(kept, made.filename));
    await chmod(join(kept, made.filename), 0o644);
    await rename(kept, folder);
    await store.memos.put("built-wheel", key, made);
    task.finish("done", { bytes: made.size });
    return { ...made, url: pathToFileURL(join(folder, made.filename)).href };
  });
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
async function takeWheel(
  { name, title }: WheelSource,
  folder: string,
): Promise<z.infer<typeof builtRecord>> {
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
