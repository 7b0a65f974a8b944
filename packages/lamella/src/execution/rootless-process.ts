import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { LamellaError } from "../error.ts";
import { ExecutionUnsupportedError, StepFailedError, ToolMissingError } from "./error.ts";
import type {
  RootlessAnswer,
  RootlessFailure,
  RootlessRequest,
  RootlessResults,
  RootlessWork,
} from "./rootless-message.ts";
import { mapIds } from "./subordinate-ids.ts";

/*
 * Who is not root is, in a user namespace of his own: there he mounts, gives files to the users of an image, removes what
 * is theirs, and has nobody's rights but his own and those of his subordinate ids. So the whole work is done there, by a
 * process of its own and with the very code that root runs.
 *
 * Lamella ──▶ unshare --user ──▶ sh: waits for its ids ──▶ node: rootless-worker ──▶ as root does
 */

/** The worker's module: TypeScript in a checkout, JavaScript beside the bundle. */
const workerModule = new URL(
  import.meta.url.endsWith(".ts") ? "./rootless-worker.ts" : "./rootless-worker.js",
  import.meta.url,
);

// Descriptor 4 says that the namespace is there, and descriptor 5 that it has its ids.
const waitScript = `
echo there >&4
exec 4>&-
read -r _ <&5 || exit 1
exec 5<&-
exec "$@"
`;

// Characters of complaints that are kept for an error message.
const longestComplaint = 2000;

/** What is told before work is done. */
export type RootlessNews = Exclude<RootlessAnswer, { readonly kind: "done" | "failed" }>;

/**
 * Has work done by a process in a user namespace. Raises what the work raises, ExecutionUnsupportedError and
 * ToolMissingError where there can be no such process, and the signal's reason. The process ends with this one, and cleans
 * up before.
 */
export async function askRootless<K extends RootlessWork["kind"]>(
  work: Extract<RootlessWork, { readonly kind: K }>,
  options: {
    readonly onNews?: (news: RootlessNews) => void;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<RootlessResults[K]> {
  const { onNews, signal } = options;
  signal?.throwIfAborted();
  await using worker = await startWorker();
  const { child } = worker;
  const settled = Promise.withResolvers<RootlessResults[K]>();
  child.on("message", (answer: RootlessAnswer) => {
    if (answer.kind === "done") settled.resolve(answer.result as RootlessResults[K]);
    else if (answer.kind === "failed") settled.reject(revive(answer));
    else onNews?.(answer);
  });
  // Where it has answered, this comes too late to matter.
  void worker.ended.then((why) => settled.reject(why));
  const end = (): void => send(child, { kind: "end" });
  signal?.addEventListener("abort", end);
  try {
    send(child, work);
    if (signal?.aborted === true) end();
    return await settled.promise;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", end);
  }
}

interface Worker extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Why, in case it has not answered before. */
  readonly ended: Promise<Error>;
}

async function startWorker(): Promise<Worker> {
  const child = spawn(
    "unshare",
    ["--user", "--", "sh", "-c", waitScript, "sh", process.execPath, workerModule.pathname],
    {
      stdio: ["ignore", "ignore", "pipe", "ipc", "pipe", "pipe"],
      // Bytes stay bytes.
      serialization: "advanced",
      // Ctrl-C is for this process to hand on.
      detached: true,
    },
  );
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-longestComplaint);
  });
  const exited = once(child, "exit").catch((error: unknown) => {
    throw new ToolMissingError(
      "The program `unshare` of util-linux is not installed, and who is not root needs it to run the commands of an image.",
      "Install it: apt-get install util-linux",
      { cause: error },
    );
  });
  exited.catch(() => {});
  const [, , , , there, mapped] = child.stdio as unknown as [
    null,
    null,
    null,
    null,
    Readable,
    Writable,
  ];
  mapped.on("error", () => {});
  try {
    const [said] = await Array.fromAsync(
      there.setEncoding("utf8") as AsyncIterable<string>,
      (text) => text,
    ).catch(() => []);
    if (said === undefined) {
      await exited;
      throw noNamespace(complaint);
    }
    await mapIds(child.pid as number);
    mapped.end("ids\n");
  } catch (error) {
    mapped.destroy();
    await exited.catch(() => {});
    throw error;
  }
  return {
    child,
    ended: exited.then(
      () => new Error(`The process in the user namespace has ended: ${complaint.trim()}`),
      (error: unknown) => error as Error,
    ),
    [Symbol.asyncDispose]: async () => {
      // It gives up, cleans up and ends.
      if (child.connected) child.disconnect();
      await exited.catch(() => {});
    },
  };
}

function send(child: ChildProcess, request: RootlessRequest): void {
  // One that has ended says so by its end.
  if (child.connected) child.send(request, () => {});
}

/** An error of a class that the worker knows: its code says which. */
class RootlessError extends LamellaError {
  readonly code: string;

  constructor(code: string, message: string, hint: string) {
    super(message, hint);
    this.code = code;
  }
}

function revive({ message, stack, code, hint = "", end }: RootlessFailure): Error {
  if (end !== undefined) return new StepFailedError(end.args, end.exitCode, end.lastLines);
  if (code !== undefined) return new RootlessError(code, message, hint);
  const error = new Error(message);
  error.stack = stack;
  return error;
}

function noNamespace(complaint: string): ExecutionUnsupportedError {
  return new ExecutionUnsupportedError(
    `Who is not root needs a user namespace to run the commands of an image, and the system gives none: ${complaint.trim()}`,
    [
      "Have the administrator allow it: sysctl user.max_user_namespaces=15000; on Ubuntu also sysctl kernel.apparmor_restrict_unprivileged_userns=0, on older Debian kernel.unprivileged_userns_clone=1.",
      "In a container it needs a seccomp profile that allows unshare, as with --security-opt seccomp=unconfined.",
      "Or run the command as root.",
    ].join("\n"),
  );
}
