import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { systemWords } from "../files/system-words.ts";
import { ConfigFileUnreadableError } from "./error.ts";

/** How one registry is reached. The key in {@link Config.registries} is its host as image references have it. */
export interface RegistryConfig {
  /** `host[:port][/path]` that is asked first when something is pulled. */
  readonly mirror?: string;
  /** Whether to speak HTTP. Loopback hosts need no such word. */
  readonly plainHttp?: boolean;
  /** Absolute path of a PEM file of certificates that are trusted beside the system's. */
  readonly ca?: string;
}

/** Where Python packages come from, beside what the machine's own package client is told. */
export interface PythonIndexConfig {
  readonly indexUrl?: string;
  readonly extraIndexUrls?: readonly string[];
  /** Absolute paths of folders and pages' URLs that list wheels. */
  readonly findLinks?: readonly string[];
  /** Only `findLinks` are asked. */
  readonly noIndex?: boolean;
}

/** Caches in registries, as image references. */
export interface CacheConfig {
  /** Where what a build found out is put. */
  readonly to?: string;
  /** What is believed: the first that knows something. */
  readonly from?: readonly string[];
}

/** What a command of a build may take, with its children. All that the machine has where absent. */
export interface StepLimits {
  /** Milliseconds. */
  readonly timeout?: number;
  /** Bytes. */
  readonly memory?: number;
}

/** Who set a value. */
export type SettingSource =
  | { readonly kind: "environment"; readonly variable: string }
  | {
      readonly kind: "file";
      readonly file: string;
      /** Both counted from 1. */
      readonly line: number;
      readonly column: number;
    };

/** Something in a configuration file that has no effect, most likely by mistake. */
export interface ConfigWarning {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** The settings of this machine and project. What is absent was not set anywhere. */
export interface Config {
  /** Absolute path of the file that was read, if there is one. */
  readonly file?: string;
  readonly registries: Readonly<Record<string, RegistryConfig>>;
  /** Absolute path of the local store. */
  readonly storeRoot?: string;
  /** Registry, with or without a namespace, of images that name none: `ghcr.io/acme`. */
  readonly defaultRegistry?: string;
  readonly python: PythonIndexConfig;
  readonly cache: CacheConfig;
  readonly steps: StepLimits;
  /** Who set each value, by the path of its names, for example `registries/docker.io/mirror` or `storeRoot`. */
  readonly sources: ReadonlyMap<string, SettingSource>;
  readonly warnings: readonly ConfigWarning[];
}

export interface LoadConfigOptions {
  /** A file to read instead of `./config.yaml`; it must exist. */
  readonly file?: string;
  /** The folder that `./config.yaml` and a relative `file` are sought in. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Name of the file that is read when none is named (Flyte's own, which has a `lamella:` section for us). */
const defaultFileName = "config.yaml";

/**
 * Reads the settings from the environment and `./config.yaml` (or `file`). The environment wins.
 *
 * ```yaml
 * lamella:
 *   registries:
 *     docker.io: { mirror: localhost:5000 }
 *   store: ~/lamella
 *   python: { indexUrl: "https://packages.example/simple" }
 *   cache: { to: "ghcr.io/acme/trainer:cache", from: ["ghcr.io/acme/trainer:cache"] }
 *   steps: { timeout: 30m, memory: 4GB }
 * image:
 *   registry: ghcr.io/acme
 * ```
 *
 * Paths in a file are relative to its folder. Other sections are Flyte's and not looked at. Raises ConfigFileError for
 * a malformed file and ConfigFileUnreadableError for a named one that cannot be read.
 */
export async function loadConfig(options: LoadConfigOptions): Promise<Config> {
  const { cwd, env } = options;
  const file = resolve(cwd, options.file ?? defaultFileName);
  const text = await readConfigText(file, options.file !== undefined);
  // The YAML parser and the schema are most of the CLI's start-up: loaded only when there is a file.
  const fromFile =
    text === undefined
      ? undefined
      : (await import("./config-file.ts")).parseConfigFile(text, {
          file,
          folder: dirname(file),
          home: env["HOME"],
        });
  const sources = new Map(fromFile?.sources);
  const override = (setting: string, variable: string): string | undefined => {
    const value = env[variable];
    // An empty variable is an unset one, as shells have it.
    if (value === undefined || value === "") return undefined;
    sources.set(setting, { kind: "environment", variable });
    return value;
  };
  const lamellaHome = override("storeRoot", "LAMELLA_HOME");
  const storeRoot = lamellaHome === undefined ? fromFile?.store : resolve(cwd, lamellaHome);
  const defaultRegistry =
    override("defaultRegistry", "FLYTE_IMAGE_REGISTRY") ?? fromFile?.defaultRegistry;
  return {
    ...(fromFile && { file }),
    registries: fromFile?.registries ?? {},
    ...(storeRoot !== undefined && { storeRoot }),
    ...(defaultRegistry !== undefined && { defaultRegistry }),
    python: fromFile?.python ?? {},
    cache: fromFile?.cache ?? {},
    steps: fromFile?.steps ?? {},
    sources,
    warnings: fromFile?.warnings ?? [],
  };
}

async function readConfigText(file: string, named: boolean): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (!named && (code === "ENOENT" || code === "ENOTDIR")) return undefined;
    throw new ConfigFileUnreadableError(
      `Cannot read the configuration file ${file}: ${systemWords(error)}.`,
      named
        ? "Name a file that exists, or leave --config away to use ./config.yaml."
        : "Make the file readable, or move it away.",
      { cause: error },
    );
  }
}
