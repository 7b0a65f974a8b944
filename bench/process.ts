import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { BenchError } from "./bench-error.ts";

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly cwd?: string;
  /** The environment of this process if absent. */
  readonly env?: NodeJS.ProcessEnv;
}

export interface FinishedProcess {
  readonly stdout: string;
  /** From before the process was made until it had ended. */
  readonly seconds: number;
}

/** Nothing that is measured here takes nearly as long: what does hangs. In milliseconds. */
const longestRun = 15 * 60_000;

/** What a program may say on stdout, in bytes; Lamella's events of a large build are some hundred kilobytes. */
const longestOutput = 64 * 1024 * 1024;

/** Runs a program to its end and takes its time. Raises an error with the last lines of its stderr if it fails. */
export async function run(
  program: string,
  args: readonly string[],
  { signal, cwd, env }: RunOptions,
): Promise<FinishedProcess> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      { signal, cwd, env, timeout: longestRun, maxBuffer: longestOutput },
      (error, stdout, stderr) => {
        const seconds = (performance.now() - began) / 1000;
        if (!error) return resolve({ stdout, seconds });
        if (signal.aborted) return reject(signal.reason);
        reject(
          isMissing(error) ? missing(program) : failed([program, ...args], stderr || stdout, error),
        );
      },
    );
  });
}

/** A daemon that runs as long as it is held. */
export interface Server extends AsyncDisposable {
  readonly pid: number;
}

export interface ServerOptions extends RunOptions {
  /** Where its output goes. */
  readonly logPath: string;
  /** Says whether it answers; asked again and again until it does. */
  readonly isReady: () => Promise<boolean>;
}

/** How long a daemon may take to answer first, and to end when asked to. In milliseconds. */
const longestStart = 60_000;
const longestEnd = 30_000;

/**
 * Starts a daemon and waits until it answers. It ends with the returned object, and also when this process is killed.
 * Raises an error with the last lines of its log when it ends first or never answers.
 */
export async function startServer(
  program: string,
  args: readonly string[],
  { signal, cwd, env, logPath, isReady }: ServerOptions,
): Promise<Server> {
  await using log = await open(logPath, "w");
  const child = spawn("setpriv", ["--pdeathsig", "TERM", program, ...args], {
    stdio: ["ignore", log.fd, log.fd],
    // A Ctrl-C in the terminal is for us: we end the daemons when nothing needs them any more.
    detached: true,
    cwd,
    env,
  });
  const server: Server = { pid: child.pid ?? 0, [Symbol.asyncDispose]: () => end(child) };
  try {
    await Promise.race([spawned(child), once(child, "spawn")]);
    const deadline = Date.now() + longestStart;
    while (!(await isReady())) {
      signal.throwIfAborted();
      if (hasEnded(child) || Date.now() > deadline) {
        throw failed([program, ...args], await readFile(logPath, "utf8"));
      }
      await delay(50);
    }
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

async function spawned(child: ChildProcess): Promise<never> {
  const [error] = (await once(child, "error")) as [Error];
  throw isMissing(error) ? missing("setpriv") : error;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), longestEnd);
  await ended;
  clearTimeout(kill);
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function isMissing(error: Error): boolean {
  return "code" in error && error.code === "ENOENT";
}

function missing(program: string): BenchError {
  return new BenchError(`${program} is not installed. Run script/setup.`);
}

function failed(command: readonly string[], output: string, cause?: Error): Error {
  const lines = output.trim().split("\n").slice(-20).join("\n");
  return new Error(`This failed: ${command.join(" ")}\n${lines}`, cause && { cause });
}
