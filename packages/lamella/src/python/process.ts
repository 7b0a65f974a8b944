import { spawn } from "node:child_process";
import { access, constants, type FileHandle } from "node:fs/promises";
import path from "node:path";
import type { Environment } from "./package-index/pip-settings.ts";

/** What a process left behind. */
export interface ProcessResult {
  /** Exit code; -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Locks of many thousand rows stay far below; in bytes. */
const maximumOutput = 64 * 1024 * 1024;

/** Whether a program is a script, which starts another one. */
export async function isScript(file: FileHandle): Promise<boolean> {
  const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
  return buffer.toString("latin1") === "#!";
}

/** Every executable file of the name on PATH, in order. */
export async function executables(name: string, env: Environment): Promise<string[]> {
  const found: string[] = [];
  for (const folder of (env["PATH"] ?? "").split(path.delimiter)) {
    // An empty or relative entry means the working directory, where a project could plant a file.
    if (!path.isAbsolute(folder)) continue;
    const file = path.join(folder, name);
    try {
      await access(file, constants.X_OK);
      found.push(file);
    } catch {
      // Not in this folder.
    }
  }
  return found;
}

/**
 * Runs a program to its end, with nothing on its standard input. Rejects when it cannot be started, writes more than
 * 64 MiB, or the signal aborts: then it is killed, and has ended when this rejects, so it writes no more files.
 */
export async function run(
  file: string,
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly env: Environment;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<ProcessResult> {
  options.signal?.throwIfAborted();
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.signal && { signal: options.signal }),
    killSignal: "SIGKILL",
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once("error", (error) => {
    if (child.pid === undefined) reject(error);
    else child.once("exit", () => reject(error));
  });
  child.once("close", (code) => resolve(code ?? -1));
  const collect = (stream: NodeJS.ReadableStream): (() => string) => {
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maximumOutput) {
        child.kill("SIGKILL");
        reject(new RangeError(`${path.basename(file)} wrote more than ${maximumOutput} bytes`));
      } else chunks.push(chunk);
    });
    return () => Buffer.concat(chunks).toString("utf8");
  };
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const code = await promise;
  return { code, stdout: stdout(), stderr: stderr() };
}
