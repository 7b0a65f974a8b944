import type { StdioOptions } from "node:child_process";
import { pipeline } from "node:stream/promises";
import type { ByteSink } from "../files/sink.ts";
import type { ImageConfig } from "../oci/config.ts";
import type { Layer } from "../oci/descriptor.ts";
import type { Store } from "../store/store.ts";
import { startContainer } from "./container.ts";
import { containerProcess, type TerminalSize } from "./container-process.ts";
import type { Enclosed } from "./enclosure.ts";
import { readStackFile } from "./layer-stack.ts";
import { requireProgram } from "./require-program.ts";
import { findRuntime, type Runtime, requireRoot } from "./runtime.ts";
import { unpackSnapshots } from "./snapshot.ts";
import { resolveUser } from "./user.ts";

/** The command's standard streams. */
export type RunStdio =
  /** The caller's own; where both its input and output are a terminal, the command gets one too. */
  | { readonly kind: "inherit" }
  | {
      readonly kind: "streams";
      /** Nothing where absent. */
      readonly stdin?: AsyncIterable<Uint8Array>;
      readonly stdout: ByteSink;
      readonly stderr: ByteSink;
    };

export interface RunImageOptions {
  /** The image's layers, lowest first; their blobs are in the store. */
  readonly layers: readonly Layer[];
  readonly config: ImageConfig;
  readonly store: Store;
  /** Instead of the image's `Cmd`; the image's `Entrypoint` comes before it. */
  readonly command?: readonly string[] | undefined;
  /** On top of the image's variables. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly workdir?: string | undefined;
  /** `user[:group]`, names or numbers. */
  readonly user?: string | undefined;
  readonly stdio?: RunStdio | undefined;
  /** Ends the command and all its children at once. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Signals of this process that the command gets, as long as it runs. The third SIGINT or SIGTERM ends it for good, as
   * in Docker: it may well ignore them. On a terminal of its own it gets Ctrl-C from that, and this process does not.
   */
  readonly forwardSignals?: readonly NodeJS.Signals[] | undefined;
  /** The runtime to use; by default the first that works. */
  readonly runtime?: Runtime | undefined;
  /** Told while layers are unpacked; `bytes` is the length of another piece in the blob. */
  readonly onProgress?: ((layer: Layer, bytes: number) => void) | undefined;
}

const defaultSignals: readonly NodeJS.Signals[] = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGWINCH",
  "SIGUSR2",
];

/**
 * Runs a command in an image and returns its exit code; 128 and the signal's number where a signal ended it. What it
 * writes is not kept. Layers that were not used before are unpacked. Needs Linux and root.
 *
 * Raises ExecutionUnsupportedError, UnknownUserError, CommandNotFoundError, MountError, RuntimeError, and what
 * `unpackSnapshots` raises; the signal's reason when it is aborted.
 */
export async function runImage(options: RunImageOptions): Promise<number> {
  const { layers, store, signal, stdio = { kind: "inherit" }, onProgress } = options;
  requireRoot();
  signal?.throwIfAborted();
  const snapshots = await unpackSnapshots(layers, store, { signal, onProgress });
  const runtime = options.runtime ?? (await findRuntime(store, { signal }));

  const { User = "" } = options.config.config ?? {};
  const [passwd = "", group = ""] = await Promise.all([
    readStackFile(snapshots, "etc/passwd"),
    readStackFile(snapshots, "etc/group"),
  ]);
  const init = containerProcess(options.config.config ?? {}, {
    command: options.command,
    env: options.env,
    workdir: options.workdir,
    user: resolveUser(options.user ?? User, passwd, group),
    terminal: stdio.kind === "inherit" ? callersTerminal() : undefined,
  });

  await requireProgram(snapshots, init);

  await using scratch = await store.scratch("run");
  await using container = await startContainer({
    snapshots,
    process: init,
    runtime,
    store,
    scratch,
    isFirst: false,
    stdio: stdioOptions(stdio),
    signal,
  });
  const { running } = container;
  await using _signals = passSignals(running, options);
  const [code] = await Promise.all([running.exited, passStreams(running, stdio)]);
  signal?.throwIfAborted();
  const failure = code === 0 ? undefined : await container.failure();
  if (failure !== undefined) throw failure;
  return code;
}

/** Hands the caller's signals on, and ends everything when the caller gives up. */
function passSignals(running: Enclosed, options: RunImageOptions): AsyncDisposable {
  const { signal, forwardSignals = defaultSignals } = options;
  let asked = 0;
  const forward = (name: NodeJS.Signals): void => {
    if (name === "SIGINT" || name === "SIGTERM") asked++;
    void (asked >= 3 ? running.kill() : running.forward(name));
  };
  const kill = (): void => void running.kill();
  for (const name of forwardSignals) process.on(name, forward);
  signal?.addEventListener("abort", kill);
  return {
    [Symbol.asyncDispose]: async () => {
      for (const name of forwardSignals) process.off(name, forward);
      signal?.removeEventListener("abort", kill);
    },
  };
}

function callersTerminal(): TerminalSize | undefined {
  const { stdin, stdout } = process;
  return stdin.isTTY && stdout.isTTY ? { rows: stdout.rows, columns: stdout.columns } : undefined;
}

function stdioOptions(stdio: RunStdio): StdioOptions {
  return stdio.kind === "inherit"
    ? "inherit"
    : [stdio.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"];
}

async function passStreams(running: Enclosed, stdio: RunStdio): Promise<void> {
  if (stdio.kind === "inherit") return;
  const { stdin } = running;
  // A command that does not read its input to the end is no error.
  if (stdin !== null && stdio.stdin !== undefined) pipeline(stdio.stdin, stdin).catch(() => {});
  await Promise.all([drain(running.stdout, stdio.stdout), drain(running.stderr, stdio.stderr)]);
}

async function drain(from: AsyncIterable<Uint8Array> | null, to: ByteSink): Promise<void> {
  for await (const chunk of from ?? []) await to.write(chunk);
}
