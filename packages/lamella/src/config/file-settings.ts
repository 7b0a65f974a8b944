import { join, resolve } from "node:path";
import * as z from "zod/mini";
import type {
  CacheConfig,
  Config,
  ConfigWarning,
  PythonIndexConfig,
  RegistryConfig,
  SettingSource,
  StepLimits,
} from "./config.ts";
import type { ConfigPath } from "./config-document.ts";
import type { ConfigFile } from "./config-file.ts";
import { ConfigFileError } from "./error.ts";
import { specifiedImages } from "./images.ts";
import { aboveZero, parseDuration, parseSize } from "./limits.ts";
import { nearestName } from "./nearest.ts";

/** What a configuration file sets. */
interface FileSettings extends Omit<Config, "file" | "storeRoot"> {
  readonly store?: string;
}

const text = z.string().check(z.minLength(1));

const hostPattern = String.raw`(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::\d{1,5})?`;

/** `host[:port]`; an IPv6 address stands in brackets. */
const host = z
  .string()
  .check(z.regex(new RegExp(`^${hostPattern}$`), { error: "is no 'host' or 'host:port'" }));

/** A host, and below which path of it the repositories are. */
const mirror = z.string().check(
  z.regex(new RegExp(`^${hostPattern}(?:/[a-z0-9._-]+)*$`), {
    error: "is no 'host', 'host:port' or 'host:port/path' (without 'http://')",
  }),
);

const registryShape = {
  mirror: z.optional(mirror),
  plainHttp: z.optional(z.boolean()),
  ca: z.optional(text),
};

const pythonShape = {
  indexUrl: z.optional(text),
  extraIndexUrls: z.optional(z.array(text)),
  findLinks: z.optional(z.array(text)),
  noIndex: z.optional(z.boolean()),
};

const cacheShape = {
  to: z.optional(text),
  from: z.optional(z.array(text)),
};

/** A number with its unit, as options have it. `rule` is what is said of others, as the end of a sentence. */
function limit(parse: (text: string) => number, rule: string): z.ZodMiniType<number> {
  return z.pipe(
    z.unknown(),
    z.transform((value, context) => {
      try {
        return parse(String(value));
      } catch {
        context.issues.push({ code: "custom", message: rule, input: value });
        return z.NEVER;
      }
    }),
  );
}

const stepsShape = {
  timeout: z.optional(
    limit(aboveZero(parseDuration), "takes a number with s, m or h, for example 30m"),
  ),
  memory: z.optional(limit(aboveZero(parseSize), "takes a number with a unit, for example 4GB")),
};

const lamellaShape = {
  registries: z.optional(z.nullable(z.record(host, z.nullable(z.strictObject(registryShape))))),
  store: z.optional(text),
  python: z.optional(z.nullable(z.strictObject(pythonShape))),
  cache: z.optional(z.nullable(z.strictObject(cacheShape))),
  steps: z.optional(z.nullable(z.strictObject(stepsShape))),
  builder: z.optional(text),
  plugins: z.optional(z.nullable(z.array(text))),
};

const imageShape = {
  registry: z.optional(z.nullable(text)),
  builder: z.optional(z.nullable(text)),
};

/** Ours whole, and the keys of Flyte's that are ours too; {@link specifiedImages} reads the images. */
const fileSchema = z.nullable(
  z.object({
    lamella: z.optional(z.nullable(z.strictObject(lamellaShape))),
    image: z.optional(z.nullable(z.object(imageShape))),
  }),
);

/**
 * What a configuration file sets. `home` is what `~` stands for. Raises ConfigFileError, with the place, for values of the
 * wrong kind. Unknown keys in the `lamella` section are warnings.
 */
export function readFileSettings(file: ConfigFile, home: string | undefined): FileSettings {
  const data = structuredClone(file.data);
  const warnings = [...misspeltKeys(file), ...removeUnknownKeys(data, file)];
  const parsed = fileSchema.safeParse(data);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue?.path ?? [];
    throw new ConfigFileError(
      file.position(path),
      `${path.length === 0 ? "the file" : `'${path.join(".")}'`} ${explain(issue)}.`,
      "Correct the value; `lamella config --help` shows an example of the file.",
    );
  }
  const section = parsed.data?.lamella ?? {};
  const sources = new Map<string, SettingSource>();
  const note = (setting: string, path: ConfigPath): void => {
    sources.set(setting, { kind: "file", ...file.position(path) });
  };
  const resolvePath = (path: string): string => expandPath(path, file.folder, home);

  const registries: [string, RegistryConfig][] = [];
  for (const [name, registry] of Object.entries(section.registries ?? {})) {
    const { ca, ...rest } = registry ?? {};
    registries.push([
      name,
      defined({ ...rest, ...(ca !== undefined && { ca: resolvePath(ca) }) }) as RegistryConfig,
    ]);
    for (const key of Object.keys(registry ?? {}))
      note(`registries/${name}/${key}`, ["lamella", "registries", name, key]);
  }
  const { findLinks, ...index } = section.python ?? {};
  for (const group of ["python", "cache", "steps"] as const) {
    for (const key of Object.keys(section[group] ?? {}))
      note(`${group}/${key}`, ["lamella", group, key]);
  }
  const defaultRegistry = parsed.data?.image?.registry ?? undefined;
  if (defaultRegistry !== undefined) note("defaultRegistry", ["image", "registry"]);
  if (section.store !== undefined) note("storeRoot", ["lamella", "store"]);
  // Flyte's own may be for its SDK alone: ours goes before it.
  const builder = section.builder ?? parsed.data?.image?.builder ?? undefined;
  if (builder !== undefined)
    note("builder", [section.builder === undefined ? "image" : "lamella", "builder"]);
  const plugins = section.plugins ?? [];
  if (plugins.length > 0) note("plugins", ["lamella", "plugins"]);
  const images = specifiedImages(file);
  for (const { name, path } of images) note(`images/${name}`, path);
  return {
    registries: Object.fromEntries(registries),
    ...(section.store !== undefined && { store: resolvePath(section.store) }),
    ...(defaultRegistry !== undefined && { defaultRegistry }),
    python: defined({
      ...index,
      ...(findLinks && {
        findLinks: findLinks.map((link) => (hasScheme(link) ? link : resolvePath(link))),
      }),
    }) as PythonIndexConfig,
    cache: defined(section.cache ?? {}) as CacheConfig,
    steps: defined(section.steps ?? {}) as StepLimits,
    ...(builder !== undefined && { builder }),
    plugins,
    images: Object.fromEntries(images.map(({ name, uri }) => [name, uri])),
    sources,
    warnings,
  };
}

/** Takes the keys that nobody reads out of `data` and gives a warning for each. */
function removeUnknownKeys(data: unknown, file: ConfigFile): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  for (const issue of fileSchema.safeParse(data).error?.issues ?? []) {
    if (issue.code !== "unrecognized_keys") continue;
    let parent = data as Record<PropertyKey, unknown>;
    for (const key of issue.path) parent = parent[key] as Record<PropertyKey, unknown>;
    for (const key of issue.keys) {
      const near = nearestName(key, knownKeys(issue.path));
      warnings.push(unknownKey(file, issue.path, key, near));
      delete parent[key];
    }
  }
  return warnings;
}

/** Where Flyte's own settings are too: what has a name near to one that is read was most likely meant to be that. */
const sharedKeys: readonly (readonly [path: readonly string[], known: readonly string[]])[] = [
  [[], ["lamella", "image", "images"]],
  [["image"], ["registry", "builder", "image_refs"]],
];

/** A warning for each key that nobody reads and that is a slip from one that is read. */
function misspeltKeys(file: ConfigFile): readonly ConfigWarning[] {
  return sharedKeys.flatMap(([path, known]) => {
    const keys = Object.keys(file.get(...path) ?? {}).filter((key) => !known.includes(key));
    return keys.flatMap((key) => {
      const near = nearestName(key, known);
      return near === undefined ? [] : [unknownKey(file, path, key, near)];
    });
  });
}

function unknownKey(
  file: ConfigFile,
  path: ConfigPath,
  key: string,
  near: string | undefined,
): ConfigWarning {
  const guess = near === undefined ? "" : `; did you mean '${near}'?`;
  const message = `unknown setting '${[...path, key].map(String).join(".")}'${guess}`;
  return { ...file.keyPosition(path, key), message };
}

function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 1) return Object.keys(lamellaShape);
  const [, section] = path;
  const shapes: Readonly<Record<PropertyKey, object>> = {
    python: pythonShape,
    cache: cacheShape,
    steps: stepsShape,
  };
  return Object.keys(shapes[section ?? ""] ?? registryShape);
}

/** What is wrong, as the end of a sentence that begins with the value's name. */
function explain(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === "invalid_type")
    return `must be ${kindNames[issue.expected] ?? `of type ${issue.expected}`}`;
  if (issue?.code === "too_small") return "must not be empty";
  if (issue?.code === "invalid_key")
    return `has a key that ${issue.issues[0]?.message ?? "is not allowed"}`;
  return issue?.message ?? "is not valid";
}

const kindNames: Readonly<Record<string, string>> = {
  string: "text",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

/** A path as people write it in a file: relative to that file's folder, `~` for the home. */
function expandPath(path: string, folder: string, home: string | undefined): string {
  if (home !== undefined && (path === "~" || path.startsWith("~/")))
    return join(home, path.slice(1));
  return resolve(folder, path);
}

function hasScheme(link: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(link);
}

/** Without the keys whose value is undefined. */
function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, entry]) => entry !== undefined),
  ) as Partial<T>;
}
