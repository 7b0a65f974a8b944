import { readFileSync } from "node:fs";
import { parse as parseToml, TomlError } from "smol-toml";
import { fileSystemError } from "../../files/error.ts";
import { ProjectError } from "../error.ts";

/** A table of TOML, of which nothing is known yet. */
export type TomlTable = Readonly<Record<string, unknown>>;

/** Longest file that is read, in characters; locks of a thousand packages have a tenth of it. */
const maximumLength = 32 * 1024 * 1024;

/** Reads a file of a project. Raises ProjectError, with line and column, and the errors of reading a file. */
export function readProjectToml(file: string): TomlTable {
  return parseProjectToml(readProjectText(file), file);
}

/** Reads a file. Raises the errors of reading one. */
export function readProjectText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw fileSystemError(file, error);
  }
}

/** {@link readProjectToml} of a text. `file` is where it was read, for messages. */
export function parseProjectToml(text: string, file: string): TomlTable {
  if (text.length > maximumLength) {
    throw new ProjectError(`${file} is too long to be read.`, "Is it the file that is meant?");
  }
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new ProjectError(
      `${file}:${error.line}:${error.column} is not TOML: ${error.message.split("\n", 1)[0]}.`,
      "Mend it, or restore it from version control.",
      { cause: error },
    );
  }
}

/**
 * Reads values of a file and says where one is that is not as it should be. What is absent is `undefined`, an empty table
 * or an empty list; its functions raise ProjectError.
 */
export class TomlReader {
  readonly #file: string;
  readonly #hint: string;

  constructor(file: string, hint: string) {
    this.#file = file;
    this.#hint = hint;
  }

  table(value: unknown, what: string): TomlTable {
    if (value === undefined) return {};
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as TomlTable;
    }
    throw this.invalid(`${what} is no table`);
  }

  list(value: unknown, what: string): readonly unknown[] {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    throw this.invalid(`${what} is no list`);
  }

  optionalText(value: unknown, what: string): string | undefined {
    return value === undefined ? undefined : this.text(value, what);
  }

  text(value: unknown, what: string): string {
    if (typeof value === "string") return value;
    throw this.invalid(`${what} is ${value === undefined ? "missing" : "no text"}`);
  }

  texts(value: unknown, what: string): readonly string[] {
    return this.list(value, what).map((item) => this.text(item, `an item of ${what}`));
  }

  /** The error for what is wrong with the file; `why` completes "FILE cannot be used: ". */
  invalid(why: string, hint?: string): ProjectError {
    return new ProjectError(`${this.#file} cannot be used: ${why}.`, hint ?? this.#hint);
  }
}
