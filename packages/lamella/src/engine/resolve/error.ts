import { LamellaError } from "../../error.ts";

/** The base has no Python to install packages for. */
export class NoPythonError extends LamellaError {
  readonly code = "python-missing";
}

/** The base's Python is not the one that the definition names. */
export class PythonMismatchError extends LamellaError {
  readonly code = "python-mismatch";
}

/** The base's C library is not known, so no wheel with machine code can be chosen for it. */
export class UnknownLibcError extends LamellaError {
  readonly code = "libc-unknown";
}

/** The base has so many layers that ours do not fit on it. */
export class TooManyLayersError extends LamellaError {
  readonly code = "layers-too-many";
}

/** `--locked` was asked for, and there is no lock, or not one that fits. */
export class LockError extends LamellaError {
  readonly code = "lock-stale";
}
