import type { Layer } from "../oci/descriptor.ts";
import type { Store } from "../store/store.ts";
import { noMemoryLimit } from "./cgroup.ts";
import { runStepRootless } from "./rootless.ts";
import { runStep } from "./run-step.ts";
import { type Runtime, requireLinux } from "./runtime.ts";
import type { StepMount } from "./step-mount.ts";
import { isMountingRoot, mappedIds } from "./user-namespace.ts";

export interface StepProcess {
  /** Program and arguments; a program without a slash is looked for in the PATH of `env`. */
  readonly args: readonly string[];
  /** On top of PATH, HOME and SOURCE_DATE_EPOCH. Values are in no file on disk and in no process arguments. */
  readonly env: Readonly<Record<string, string>>;
  /** `user[:group]`, names or numbers; root where absent. */
  readonly user?: string | undefined;
  /** Absolute path in the image; `/` where absent. */
  readonly workdir?: string | undefined;
}

export interface StepLimits {
  /** Milliseconds that the command may run. */
  readonly timeout?: number | undefined;
  /** Bytes of memory that it and its children may have together. */
  readonly memory?: number | undefined;
}

export interface StepOptions {
  /** The layers below the step, lowest first; their blobs are in the store. */
  readonly layers: readonly Layer[];
  readonly process: StepProcess;
  /** What it sees of this machine beside its network; no part of the layer. */
  readonly mounts?: readonly StepMount[] | undefined;
  readonly store: Store;
  readonly limits?: StepLimits | undefined;
  /** Told of all that the command writes, as it writes it. Secrets in it are not redacted. */
  readonly onOutput?: ((stream: "stdout" | "stderr", bytes: Uint8Array) => void) | undefined;
  /** Ends the command and all its children at once. */
  readonly signal?: AbortSignal | undefined;
  /** Told while layers are unpacked; `bytes` is the length of another piece in the blob. */
  readonly onProgress?: ((layer: Layer, bytes: number) => void) | undefined;
  /** Told when all layers are unpacked, before anything else is done for the command. */
  readonly onUnpacked?: (() => void) | undefined;
  /** Makes no layer of what the command changed. */
  readonly discard?: boolean;
  /** The runtime to use; by default the first that works. */
  readonly runtime?: Runtime | undefined;
}

/**
 * Runs a command in a root filesystem of layers, and puts what it changed into the store as a layer; nothing where it
 * changed nothing. Processes that it leaves behind are ended with it. Who is not root, or may not mount, does it in a
 * user namespace.
 *
 * Raises StepFailedError for an exit code that is not 0, or StepOutOfMemoryError or DiskFullError where that was the
 * reason; StepTimeoutError, ExecutionUnsupportedError, ToolMissingError, UnknownUserError, CommandNotFoundError,
 * MountError (also for a source of `mounts` that is not there), RuntimeError, and what `unpackSnapshots` and
 * `writeStepLayer` raise; the signal's reason when it is aborted.
 */
export async function executeStep(options: StepOptions): Promise<Layer | undefined> {
  requireExecution(options.limits);
  return isMountingRoot() ? await runStep(options) : await runStepRootless(options);
}

/**
 * Raises ExecutionUnsupportedError where steps, or steps of these limits, cannot be executed here: to be asked before
 * anything is fetched for them.
 */
export function requireExecution({ memory }: StepLimits = {}): void {
  requireLinux();
  // The cgroups of the machine are its root's, and no user namespace has one of its own.
  if (memory !== undefined && (mappedIds() !== undefined || !isMountingRoot())) {
    throw noMemoryLimit();
  }
}
