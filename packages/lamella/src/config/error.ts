import { LamellaError } from "../error.ts";
import type { FilePosition } from "./config-document.ts";

/** A configuration file that is not what it should be. The message begins with `file:line:column`. */
export class ConfigFileError extends LamellaError {
  readonly code = "config-invalid";
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in UTF-16 code units. */
  readonly column: number;

  constructor(at: FilePosition, problem: string, hint: string, options?: ErrorOptions) {
    super(`${at.file}:${at.line}:${at.column}: ${problem}`, hint, options);
    this.file = at.file;
    this.line = at.line;
    this.column = at.column;
  }
}

/** A configuration file that was asked for, or is there, and cannot be read. */
export class ConfigFileUnreadableError extends LamellaError {
  readonly code = "config-unreadable";
}

/** No default image can be said: what decides it says something that is no image, or cannot be read. */
export class DefaultImageError extends LamellaError {
  readonly code = "default-image-unknown";
}

/** A plugin that failed. The message names it; what it threw is the cause. */
export class PluginError extends LamellaError {
  readonly code = "plugin-failed";
}
