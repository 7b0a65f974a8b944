import { LamellaError } from "../error.ts";

/** A configuration file that is not what it should be. The message begins with `file:line:column`. */
export class ConfigFileError extends LamellaError {
  readonly code = "config-invalid";
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in UTF-16 code units. */
  readonly column: number;

  constructor(
    at: { readonly file: string; readonly line: number; readonly column: number },
    problem: string,
    hint: string,
  ) {
    super(`${at.file}:${at.line}:${at.column}: ${problem}`, hint);
    this.file = at.file;
    this.line = at.line;
    this.column = at.column;
  }
}

/** A configuration file that was asked for and cannot be read. */
export class ConfigFileUnreadableError extends LamellaError {
  readonly code = "config-unreadable";
}
