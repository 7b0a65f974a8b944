import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { systemWords } from "../files/system-words.ts";
import type { ConfigDocument, ConfigPath, FilePosition } from "./config-document.ts";
import { type ConfigFilePlace, configFilePlaces, type DiscoveryOrder } from "./discovery.ts";
import { ConfigFileUnreadableError } from "./error.ts";
import { parseIni } from "./ini.ts";

/** Options of {@link ConfigFile.auto}. */
export interface FindConfigFileOptions {
  /** The folder to begin in; this process's if absent. */
  readonly cwd?: string;
  /** The variables that may name a file, and `HOME`; this process's if absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Only where one generation of the Python SDK looks. */
  readonly order?: DiscoveryOrder;
}

/**
 * A configuration file as it was read: what it says, and where. Its format goes by its name: `.yaml`, `.yml` and `.json`
 * are YAML, everything else is INI.
 *
 * @example
 * ```ts
 * const file = await ConfigFile.auto();
 * const images = Images.getSpecifiedImages(file);
 * ```
 */
export class ConfigFile {
  /** Absolute. */
  readonly path: string;
  readonly format: "ini" | "yaml";
  readonly #document: ConfigDocument;

  private constructor(path: string, format: "ini" | "yaml", document: ConfigDocument) {
    this.path = path;
    this.format = format;
    this.#document = document;
  }

  /**
   * The first file that is where the Python SDK looks for one; undefined when there is none. Raises ConfigFileError for a
   * malformed file, and ConfigFileUnreadableError for one that cannot be read or that a variable names and is not there.
   *
   * @example
   * ```ts
   * const file = await ConfigFile.auto({ order: "v1" });
   * ```
   */
  static async auto({
    cwd = process.cwd(),
    env = process.env,
    order,
  }: FindConfigFileOptions = {}): Promise<ConfigFile | undefined> {
    for (const place of configFilePlaces({ cwd, env, order })) {
      const text = await readPlace(place);
      if (text !== undefined) return ConfigFile.parse(text, place.path);
    }
    return undefined;
  }

  /**
   * Reads one file. Raises ConfigFileError and ConfigFileUnreadableError.
   *
   * @example
   * ```ts
   * const file = await ConfigFile.read("./flytekit.config");
   * ```
   */
  static async read(path: string): Promise<ConfigFile> {
    const absolute = resolve(path);
    const text = await readFile(absolute, "utf8").catch((error: unknown) => {
      throw unreadable(
        absolute,
        error,
        "Name a file that exists, or leave that away for the one that is found by itself.",
      );
    });
    return ConfigFile.parse(text, absolute);
  }

  /** A file's content; its path decides the format, and is what errors name. Raises ConfigFileError. */
  static async parse(text: string, path: string): Promise<ConfigFile> {
    const format = [".yaml", ".yml", ".json"].includes(extname(path)) ? "yaml" : "ini";
    // The YAML parser takes longer to load than all else that most commands do.
    const parse = format === "yaml" ? (await import("./yaml.ts")).parseYaml : parseIni;
    return new ConfigFile(path, format, parse(text, path));
  }

  /** What relative paths in the file are relative to. */
  get folder(): string {
    return dirname(this.path);
  }

  /** All that the file says: mappings, lists and scalars. Not validated. */
  get data(): unknown {
    return this.#document.data;
  }

  /**
   * The value that a path of names leads to; undefined when there is none.
   *
   * @example
   * ```ts
   * const registry = file.get("image", "registry");
   * ```
   */
  get(...path: readonly string[]): unknown {
    let value = this.data;
    for (const name of path) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, name))
        return undefined;
      value = (value as Readonly<Record<string, unknown>>)[name];
    }
    return value;
  }

  /** Where a value stands, or the nearest one around it where there is none. */
  position(path: ConfigPath): FilePosition {
    return this.#document.position(path);
  }

  /** Where a key stands in the mapping at a path. */
  keyPosition(path: ConfigPath, key: string): FilePosition {
    return this.#document.keyPosition(path, key);
  }
}

/** A file's content; undefined when none is where one is by custom. */
async function readPlace({ path, variable }: ConfigFilePlace): Promise<string | undefined> {
  try {
    // Every command looks at all places, and most are empty: a try to read each would take a thread's time.
    if (variable === undefined && !statSync(path, { throwIfNoEntry: false })) return undefined;
    return await readFile(path, "utf8");
  } catch (error) {
    if (variable !== undefined) {
      const hint = `The variable ${variable} names it: correct or unset that.`;
      throw unreadable(path, error, hint);
    }
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unreadable(path, error, "Make the file readable, or move it away.");
  }
}

function unreadable(path: string, cause: unknown, hint: string): ConfigFileUnreadableError {
  const message = `Cannot read the configuration file ${path}: ${systemWords(cause)}.`;
  return new ConfigFileUnreadableError(message, hint, { cause });
}
