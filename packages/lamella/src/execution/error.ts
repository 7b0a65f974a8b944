import { LamellaError } from "../error.ts";

/** This machine or this user cannot run containers. */
export class ExecutionUnsupportedError extends LamellaError {
  readonly code = "execution-unsupported";
}

/** A program of the system that execution needs is not installed, or is too old. */
export class ToolMissingError extends LamellaError {
  readonly code = "execution-tool-missing";
}

/** A layer that says things about files that cannot all be true, or cannot be unpacked here. */
export class LayerUnpackError extends LamellaError {
  readonly code = "layer-unpack-failed";
}

/** A layer whose tar is not the one that the image's config names. */
export class DiffIdMismatchError extends LamellaError {
  readonly code = "layer-diff-id-mismatch";
}

/** The root filesystem cannot be put together. */
export class MountError extends LamellaError {
  readonly code = "execution-mount-failed";
}

/** A user or group that the image does not have. */
export class UnknownUserError extends LamellaError {
  readonly code = "execution-user-unknown";
}

/** Neither the caller nor the image says which command to run, or the image does not have it. */
export class CommandNotFoundError extends LamellaError {
  readonly code = "execution-command-not-found";
  /** As shells have it: 127 for a command that is not there, 126 for one that cannot be executed. */
  readonly exitCode: 126 | 127;

  constructor(message: string, hint: string, exitCode: 126 | 127 = 127) {
    super(message, hint);
    this.exitCode = exitCode;
  }
}

/** The container runtime could not start the command. */
export class RuntimeError extends LamellaError {
  readonly code = "execution-runtime-failed";
}

/** A command made something that no layer can hold. */
export class LayerUnwritableError extends LamellaError {
  readonly code = "execution-layer-unwritable";
}

/** A command of a step took longer than it may. */
export class StepTimeoutError extends LamellaError {
  readonly code = "execution-step-timeout";
}

/** The kernel ended a command of a step, or a process of it, for want of memory. */
export class StepOutOfMemoryError extends LamellaError {
  readonly code = "execution-step-out-of-memory";
}

/** A command of a step ended with an exit code other than 0. */
export class StepFailedError extends LamellaError {
  readonly code = "execution-step-failed";
  readonly args: readonly string[];
  /** Of the command; 128 and the signal's number where a signal ended it. */
  readonly exitCode: number;
  /** The last that it wrote, on both of its streams, without empty lines. */
  readonly lastLines: readonly string[];

  constructor(args: readonly string[], exitCode: number, lastLines: readonly string[]) {
    super(
      [`The command failed with exit code ${exitCode}: ${shown(args)}`, ...lastLines].join("\n"),
      "Its last lines are above; what they complain of is to be put right in the definition.",
    );
    this.args = args;
    this.exitCode = exitCode;
    this.lastLines = lastLines;
  }
}

/** Programs of another platform than the machine's, and no emulator registered for them. */
export class ForeignPlatformError extends LamellaError {
  readonly code = "execution-foreign-platform";
}

/** How a command is named in a message: a shell's script, or the program and its arguments. */
export function shown(args: readonly string[]): string {
  const isScript = args.length === 3 && args[1] === "-c";
  const command = (isScript ? args[2] : args.join(" ")) ?? "";
  return command.length > 200 ? `${command.slice(0, 200)}…` : command;
}
