import {
  AccountError,
  DistributionWithoutRecordError,
  LinkLoopError,
  PlacementError,
} from "../../base/error.ts";
import type { LamellaError } from "../../error.ts";
import {
  NoMatchingVersionError,
  NoWheelError,
  PackageBuildError,
  ResolutionConflictError,
} from "../../python/resolution-error.ts";
import { LockError, NoPythonError, PythonMismatchError, UnknownLibcError } from "./error.ts";

/** What is wrong with what an image stands on, and what follows from its Python and its C library. */
const mendable = [
  AccountError,
  DistributionWithoutRecordError,
  LinkLoopError,
  LockError,
  NoMatchingVersionError,
  NoPythonError,
  NoWheelError,
  PackageBuildError,
  PlacementError,
  PythonMismatchError,
  ResolutionConflictError,
  UnknownLibcError,
] as const;

/**
 * Whether a step that was not executed yet may leave things so that this error is none: it installs a Python, makes a
 * folder. All else is wrong whatever it does, and is said before it is executed.
 */
export function isMendable(error: unknown): error is LamellaError {
  return mendable.some((one) => error instanceof one);
}
