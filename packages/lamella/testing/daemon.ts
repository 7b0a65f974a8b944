import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

/** A daemon that runs as long as it is held, with all that it starts and mounts. */
export interface RunningDaemon extends AsyncDisposable {
  /** Of the process that holds the daemon's namespaces, and ends with it. */
  readonly pid: number;
}

export interface StartDaemonOptions {
  /** Where its output goes. */
  readonly logPath: string;
  /** Says whether it answers; asked again and again until it does. */
  readonly isReady: () => Promise<boolean>;
}

/** How long a daemon may take to answer first, and to end when asked to. In milliseconds. */
const longestStart = 60_000;
const longestEnd = 20_000;

/**
 * Starts a daemon that makes mounts and processes, and waits until it answers. It is the first process of namespaces of
 * its own: whatever becomes of it, or of this process, the kernel then ends all processes that it left and undoes all its
 * mounts. Needs root.
 */
export async function startDaemon(
  program: string,
  args: readonly string[],
  { logPath, isReady }: StartDaemonOptions,
): Promise<RunningDaemon> {
  await using log = await open(logPath, "w");
  // What the machine unmounts (`slave`) is not kept mounted in there.
  const namespaces = "--mount --propagation slave --pid --fork --kill-child --mount-proc".split(
    " ",
  );
  const child = spawn(
    "setpriv",
    ["--pdeathsig", "KILL", "unshare", ...namespaces, program, ...args],
    { stdio: ["ignore", log.fd, log.fd] },
  );
  try {
    await once(child, "spawn");
    const deadline = Date.now() + longestStart;
    while (!(await isReady())) {
      if (hasEnded(child) || Date.now() > deadline) {
        const said = (await readFile(logPath, "utf8")).trim().split("\n").slice(-20).join("\n");
        throw new Error(`${program} does not answer. Is all of script/setup installed?\n${said}`);
      }
      await delay(50);
    }
    return { pid: child.pid ?? 0, [Symbol.asyncDispose]: () => end(child) };
  } catch (error) {
    await end(child);
    throw error;
  }
}

/** Asks the daemon itself: unshare(1) does not pass signals on. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const ended = once(child, "exit");
  const kill = setTimeout(() => child.kill("SIGKILL"), longestEnd);
  const daemons = (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, "utf8")).trim();
  if (daemons === "") child.kill("SIGKILL");
  else process.kill(Number(daemons), "SIGTERM");
  await ended;
  clearTimeout(kill);
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Runs a program to its end and returns its stdout. What it says on stderr is in the error when it fails. */
export async function output(
  program: string,
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, {
    maxBuffer: 256 * 1024 * 1024,
    ...(env && { env }),
  });
  return stdout;
}
