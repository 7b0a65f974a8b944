import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** The built command, as users have it. */
export const lamellaCli: string = join(import.meta.dirname, "../dist/cli.js");

export interface LamellaOptions {
  readonly cwd: string;
  /** On top of this process's variables; `undefined` takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly uid?: number;
  readonly gid?: number;
  /** What is run, where it is not simply this Node with {@link lamellaCli}: the arguments follow. */
  readonly program?: readonly [string, ...string[]];
}

export interface LamellaResult {
  /** Absent when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the built command in a process of its own. */
export function startLamella(args: readonly string[], options: LamellaOptions): ChildProcess {
  const { cwd, env, program = [process.execPath, lamellaCli], ...identity } = options;
  const [command, ...first] = program;
  return spawn(command, [...first, ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...identity,
  });
}

/** Runs the built command to its end. */
export async function lamella(
  args: readonly string[],
  options: LamellaOptions,
): Promise<LamellaResult> {
  const child = startLamella(args, options);
  const { stdout, stderr } = child;
  if (!stdout || !stderr) throw new Error("The command was started without pipes.");
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  const [code, out, err] = await Promise.all([exited, text(stdout), text(stderr)]);
  return { code, stdout: out, stderr: err };
}

/** A fresh folder that goes with the returned object. */
export async function temporaryFolder(
  name = "lamella-test-",
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), name));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
