import type { Attributes } from "./attributes.ts";

/** A file of accounts as it is in the base. */
export interface AccountFile extends Attributes {
  readonly text: string;
}

/** The base's own Python: what `python3` (or `python`) on its `PATH` leads to. */
export interface Interpreter {
  /** Minor version, for example `3.11`. */
  readonly python: string;
  /** Full version, for example `3.11.7`; absent where the binary does not say. */
  readonly version?: string;
  /** Absolute physical path, for example `/usr/local/bin/python3.11`. */
  readonly executable: string;
  /** Absolute physical path of the prefix above `bin`, for example `/usr/local`. */
  readonly prefix: string;
}

export interface Libc {
  readonly kind: "glibc" | "musl";
  readonly major: number;
  readonly minor: number;
}

/** The virtual environment that packages are put into. */
export interface Venv {
  /** As it is named, for example `/opt/venv`. */
  readonly prefix: string;
  /** Where that is once links are followed, relative to the root: `opt/venv`. */
  readonly physicalPrefix: string;
  /** Minor version of its Python. */
  readonly python?: string;
}

/** A distribution that is installed in the virtual environment. */
export interface Distribution {
  /** Normalized (PEP 503). */
  readonly name: string;
  readonly version: string;
  /** Physical path of the folder that holds its metadata. */
  readonly location: string;
  /**
   * Physical paths of its files within the virtual environment that are there; absent when it has no `RECORD`. Rows
   * that lead out of the environment are left out, as pip leaves such files alone.
   */
  readonly record?: readonly string[];
}

/**
 * What a base has, as far as it matters to who puts files on it. Plain data; paths are physical: relative to the root,
 * without links. What is in it is sorted, so
 * that nothing depends on the order in a tar. Regular files are not in it (a base has 100,000), save those of the virtual environment.
 */
export interface Outline {
  /** All directories but the root. */
  readonly directories: ReadonlyMap<string, Attributes>;
  /** All symbolic links, with their texts. */
  readonly links: ReadonlyMap<string, string>;
  readonly passwd?: AccountFile;
  readonly group?: AccountFile;
  readonly shadow?: AccountFile;
  readonly gshadow?: AccountFile;
  readonly python?: Interpreter;
  readonly libc?: Libc;
  readonly venv?: Venv;
  /** By name, then location. */
  readonly distributions: readonly Distribution[];
  /** All that is below the virtual environment's prefix and is no directory. */
  readonly venvFiles: ReadonlySet<string>;
}

/** The outline of an image without layers. */
export const emptyOutline: Outline = {
  directories: new Map(),
  links: new Map(),
  distributions: [],
  venvFiles: new Set(),
};
