import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { MountError, ToolMissingError } from "./error.ts";
import { type PrivateFile, privateFilesTar } from "./private-file.ts";
import type { Rootfs } from "./rootfs.ts";
import { systemEnvironment } from "./system-environment.ts";

/*
 * Lamella ──▶ setpriv --pdeathsig KILL ──▶ unshare --mount --pid --kill-child ──▶ sh: mount, exec ──▶ runtime
 *
 * The root filesystem is mounted in a mount namespace that only these processes have, and they all live in a process
 * id namespace. So however Lamella ends, the kernel ends setpriv's successor with it, that its child, and the child, as
 * the first process of its namespace, all others; and with the last process go the namespace and its mounts. Nothing
 * has to be unmounted or killed later, and nothing is seen of it outside.
 */

/** A program to run on a mounted root filesystem. */
export interface Invocation {
  readonly args: readonly string[];
  /** Extracted into the root filesystem's `memory` before it starts. */
  readonly privateFiles: readonly PrivateFile[];
  /** Further namespaces, as options of `unshare`. */
  readonly namespaces?: readonly string[];
  /**
   * Whether it gets a session of its own, away from the caller's terminal. Then the terminal's signals reach it through
   * {@link Enclosed.forward} alone, and not twice.
   */
  readonly newSession: boolean;
}

/** A running program and all its children. */
export interface Enclosed extends AsyncDisposable {
  readonly stdin: NodeJS.WritableStream | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Sends a signal to the program. */
  forward(signal: NodeJS.Signals): Promise<void>;
  /** Ends all processes. */
  kill(): Promise<void>;
  /**
   * The program's exit code, or 128 and the number of the signal that ended it, once nothing of it is left. Raises
   * {@link MountError} when it could not be begun.
   */
  readonly exited: Promise<number>;
}

// Milliseconds between two looks at whether a process has ended.
const pollInterval = 5;

// Arguments: the folder of the links, the options, where to mount, the folder in memory, and the program. Descriptor 3
// tells how it went, and descriptor 4 gives the files in memory.
const mountScript = `
{
  cd "$1" && mount -t overlay -o "$2" lamella "$3" &&
  mount -t tmpfs -o nosuid,nodev,mode=700 lamella "$4" &&
  tar --extract --file=- --directory="$4" --numeric-owner --same-owner --same-permissions <&4
} >&3 2>&3 || exit 125
echo ready >&3
exec 3>&- 4<&-
cd / && shift 4 && exec "$@"
`;

/** Mounts a root filesystem, and beside it one in memory, and runs a program. Needs root. */
export function enclose(rootfs: Rootfs, invocation: Invocation, stdio: StdioOptions): Enclosed {
  const { args, privateFiles, namespaces = [], newSession } = invocation;
  const unshare = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork"];
  const { links, options, path, memory } = rootfs;
  const shell = ["sh", "-c", mountScript, "sh", links, options, path, memory];
  const child = spawn(
    "setpriv",
    [
      "--pdeathsig",
      "KILL",
      "--",
      ...unshare,
      "--kill-child",
      "--mount-proc",
      ...namespaces,
      "--",
    ].concat(shell, args),
    {
      stdio: [...(Array.isArray(stdio) ? stdio : [stdio, stdio, stdio]), "pipe", "pipe"],
      detached: newSession,
      // The new mount API takes 256 bytes of lower directories, mount(2) a page; util-linux 2.39 prefers the former.
      env: { ...systemEnvironment, LIBMOUNT_FORCE_MOUNT2: "always" },
    },
  );
  const files = child.stdio[4] as Writable;
  // A shell that ends early says why.
  files.on("error", () => {});
  files.end(privateFilesTar(privateFiles));
  const report = readAll(child.stdio[3] as Readable);
  const exited = exitOf(child, report);
  exited.catch(() => {});
  const kill = async (): Promise<void> => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const first = await findChild(child.pid);
    child.kill("SIGKILL");
    // The first process of a namespace ends after all others of it.
    if (first !== undefined) await untilEnded(first);
  };
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    forward: async (signal) => {
      const first = child.pid === undefined ? undefined : await findChild(child.pid);
      if (first === undefined) child.kill(signal);
      else sendSignal(first, signal);
    },
    kill,
    exited,
    [Symbol.asyncDispose]: async () => {
      await kill();
      await exited.catch(() => {});
    },
  };
}

async function exitOf(child: ChildProcess, report: Promise<string>): Promise<number> {
  const [code, signal] = (await once(child, "exit").catch((error: unknown) => {
    throw new ToolMissingError(
      "The programs `setpriv` and `unshare` of util-linux are not installed, and running containers needs them.",
      "Install them: apt-get install util-linux",
      { cause: error },
    );
  })) as [number | null, NodeJS.Signals | null];
  const text = await report;
  if (!text.endsWith("ready\n") && signal === null) {
    throw new MountError(
      `The root filesystem cannot be mounted${text === "" ? "" : `: ${text.trim()}`}.`,
      "Root must be allowed to mount here, and LAMELLA_HOME must lie on a filesystem that overlayfs can write to (ext4, xfs, btrfs, tmpfs), not on an overlay itself.",
    );
  }
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

async function readAll(stream: Readable): Promise<string> {
  return Buffer.concat(
    await Array.fromAsync(stream as AsyncIterable<Buffer>).catch(() => []),
  ).toString();
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}

/** A child of a process. (`/proc/PID/task/TID/children` is not in every kernel.) */
async function findChild(parent: number): Promise<number | undefined> {
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    if ((await processState(Number(name)))?.parent === parent) return Number(name);
  }
  return undefined;
}

async function untilEnded(pid: number): Promise<void> {
  for (;;) {
    const state = (await processState(pid))?.state;
    // A zombie waits for nothing but its parent's question.
    if (state === undefined || state === "Z" || state === "X") return;
    await delay(pollInterval);
  }
}

/** proc_pid_stat(5). */
async function processState(
  pid: number,
): Promise<{ readonly state: string; readonly parent: number } | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The second field is the program's name in parentheses, with anything in it.
  const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === undefined || state === "" ? undefined : { state, parent: Number(parent) };
}
