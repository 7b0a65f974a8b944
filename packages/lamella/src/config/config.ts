import { resolve } from "node:path";
import type { FilePosition } from "./config-document.ts";
import { ConfigFile } from "./config-file.ts";
import type { NamedImage } from "./named-image.ts";

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
  | { readonly kind: "option"; readonly option: string }
  | { readonly kind: "environment"; readonly variable: string }
  | ({ readonly kind: "file" } & FilePosition);

/** Something in a configuration file that has no effect, most likely by mistake. */
export interface ConfigWarning extends FilePosition {
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
  /** Who builds: `local`, `remote`, or the name of a plugin. */
  readonly builder?: string;
  /** Packages, or paths of modules, that add default images and builders. */
  readonly plugins: readonly string[];
  /** Images by the friendly names that definitions call them by, as they are written: a tag may be absent. */
  readonly images: Readonly<Record<string, string>>;
  /** Who set each value, by the path of its names, for example `registries/docker.io/mirror` or `storeRoot`. */
  readonly sources: ReadonlyMap<string, SettingSource>;
  readonly warnings: readonly ConfigWarning[];
}

export interface LoadConfigOptions {
  /** A file to read instead of the one that {@link ConfigFile.auto} finds; it must exist. */
  readonly file?: string;
  /** The folder that files are sought from, and that a relative `file` is relative to. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The settings with images that an option gives, in place of those of the same name. */
export function withNamedImages(
  config: Config,
  images: readonly NamedImage[],
  option: string,
): Config {
  const sources = new Map(config.sources);
  for (const { name } of images) sources.set(`images/${name}`, { kind: "option", option });
  const given = images.map(({ name, full }) => [name, full] as const);
  return { ...config, images: { ...config.images, ...Object.fromEntries(given) }, sources };
}

/** What holds where nothing is set anywhere. */
export const emptyConfig: Config = {
  registries: {},
  python: {},
  cache: {},
  steps: {},
  plugins: [],
  images: {},
  sources: new Map(),
  warnings: [],
};

/**
 * Reads the settings from the environment and one configuration file: `file`, else the first that {@link ConfigFile.auto}
 * finds. The environment wins.
 *
 * ```yaml
 * lamella:
 *   registries:
 *     docker.io: { mirror: localhost:5000 }
 *   store: ~/lamella
 *   python: { indexUrl: "https://packages.example/simple" }
 *   cache: { to: "ghcr.io/acme/trainer:cache", from: ["ghcr.io/acme/trainer:cache"] }
 *   steps: { timeout: 30m, memory: 4GB }
 *   plugins: ["@acme/lamella-plugin"]
 * image:
 *   registry: ghcr.io/acme
 *   builder: local
 * images:
 *   spark: ghcr.io/acme/spark:v2
 * ```
 *
 * Paths in a file are relative to its folder. Other sections are Flyte's and not looked at. Raises ConfigFileError for
 * a malformed file and ConfigFileUnreadableError for one that cannot be read.
 *
 * @example
 * ```ts
 * const config = await loadConfig({ cwd: process.cwd(), env: process.env });
 * await build(image, { config: { ...config, defaultRegistry: "ghcr.io/acme" } });
 * ```
 */
export async function loadConfig(options: LoadConfigOptions): Promise<Config> {
  const { cwd, env } = options;
  const file =
    options.file === undefined
      ? await ConfigFile.auto({ cwd, env })
      : await ConfigFile.read(resolve(cwd, options.file));
  // The schema takes longer to load than all else that most commands do: only when there is a file.
  const fromFile = file && (await import("./file-settings.ts")).readFileSettings(file, env["HOME"]);
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
  const builder = override("builder", "FLYTE_IMAGE_BUILDER") ?? fromFile?.builder;
  const { registries, python, cache, steps, plugins, images, warnings } = fromFile ?? emptyConfig;
  return {
    ...(file && { file: file.path }),
    registries,
    ...(storeRoot !== undefined && { storeRoot }),
    ...(defaultRegistry !== undefined && { defaultRegistry }),
    python,
    cache,
    steps,
    ...(builder !== undefined && { builder }),
    plugins,
    images,
    sources,
    warnings,
  };
}
