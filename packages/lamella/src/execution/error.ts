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
}

/** The container runtime could not start the command. */
export class RuntimeError extends LamellaError {
  readonly code = "execution-runtime-failed";
}
