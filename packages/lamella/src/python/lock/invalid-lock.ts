import { InvalidLockError } from "../resolution-error.ts";
import { type KeyPath, tomlLine } from "./toml-line.ts";

/** A lock as it was read. */
export interface LockSource {
  /** Absolute: wheels that a lock names by a relative path are found from its folder. */
  readonly path: string;
  readonly text: string;
}

export interface InvalidLockOptions {
  /** What is wrong, for finding its line. */
  readonly at?: KeyPath;
  /** Where that is known otherwise. */
  readonly line?: number;
  readonly hint?: string;
  readonly cause?: unknown;
}

/** The error for a lock that cannot be used; `why` completes "The lock … cannot be used: ". */
export function invalidLock(
  { path, text }: LockSource,
  why: string,
  { at, line = at && tomlLine(text, at), hint, cause }: InvalidLockOptions = {},
): InvalidLockError {
  return new InvalidLockError(
    `The lock ${path}${line === undefined ? "" : `:${line}`} cannot be used: ${why.replace(/\.$/, "")}.`,
    hint ?? "Restore it from version control, or remove it and write it anew: lamella lock FILE.",
    { cause },
  );
}
