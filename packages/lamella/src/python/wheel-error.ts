import { LamellaError } from "../error.ts";

/** A wheel that is damaged, lies about itself, or would write where a wheel may not. */
export class InvalidWheelError extends LamellaError {
  readonly code = "wheel-invalid";
}

/** The error for a wheel that breaks a rule; `why` completes "The wheel … cannot be used: ". */
export function invalidWheel(wheel: string, why: string, cause?: unknown): InvalidWheelError {
  return new InvalidWheelError(
    `The wheel ${wheel} cannot be used: ${why}.`,
    "Fetch or build the wheel again. If it comes out the same, its publisher has to mend it.",
    cause === undefined ? undefined : { cause },
  );
}

/** A wheel of a kind that we do not install, for example of a newer major version of the format. */
export class UnsupportedWheelError extends LamellaError {
  readonly code = "wheel-unsupported";
}

/** A wheel that is of another package or version than its file name says. */
export class MismatchedWheelError extends LamellaError {
  readonly code = "wheel-mismatch";
}

/** The interpreter that compiles bytecode ended, or answered with something else than bytecode. */
export class CompilerFailedError extends LamellaError {
  readonly code = "bytecode-compiler-failed";
}
