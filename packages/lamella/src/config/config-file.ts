import { join, resolve } from "node:path";
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import * as z from "zod/mini";
import type {
  CacheConfig,
  ConfigWarning,
  PythonIndexConfig,
  RegistryConfig,
  SettingSource,
  StepLimits,
} from "./config.ts";
import { ConfigFileError } from "./error.ts";
import { aboveZero, parseDuration, parseSize } from "./limits.ts";
import { nearestName } from "./nearest.ts";

/** What a configuration file sets. */
export interface ConfigFile {
  readonly registries: Readonly<Record<string, RegistryConfig>>;
  readonly store?: string;
  readonly defaultRegistry?: string;
  readonly python: PythonIndexConfig;
  readonly cache: CacheConfig;
  readonly steps: StepLimits;
  readonly sources: ReadonlyMap<string, SettingSource>;
  readonly warnings: readonly ConfigWarning[];
}

interface ConfigFilePlace {
  readonly file: string;
  /** What relative paths in the file are relative to. */
  readonly folder: string;
  readonly home: string | undefined;
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
};

/** Ours whole, and the one key of Flyte's that is ours too; all else in the file is not looked at. */
const fileSchema = z.nullable(
  z.object({
    lamella: z.optional(z.nullable(z.strictObject(lamellaShape))),
    image: z.optional(z.nullable(z.object({ registry: z.optional(z.nullable(text)) }))),
  }),
);

/**
 * Parses the text of a configuration file. Raises ConfigFileError, with the place, for broken YAML and for values of the
 * wrong kind. Unknown keys in the `lamella` section are warnings.
 */
export function parseConfigFile(source: string, place: ConfigFilePlace): ConfigFile {
  const yaml = new YamlFile(source, place.file);
  const data = yaml.toData();
  const warnings = removeUnknownKeys(data, yaml);
  const parsed = fileSchema.safeParse(data);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue?.path ?? [];
    throw new ConfigFileError(
      yaml.position(path),
      `${path.length === 0 ? "the file" : `'${path.join(".")}'`} ${explain(issue)}.`,
      "Correct the value; `lamella base bootstrap --help` shows an example of the file.",
    );
  }
  const section = parsed.data?.lamella ?? {};
  const sources = new Map<string, SettingSource>();
  const note = (setting: string, path: readonly string[]): void => {
    sources.set(setting, { kind: "file", ...yaml.position(path) });
  };
  const resolvePath = (path: string): string => expandPath(path, place.folder, place.home);

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
  for (const key of Object.keys(section.python ?? {}))
    note(`python/${key}`, ["lamella", "python", key]);
  for (const key of Object.keys(section.cache ?? {}))
    note(`cache/${key}`, ["lamella", "cache", key]);
  for (const key of Object.keys(section.steps ?? {}))
    note(`steps/${key}`, ["lamella", "steps", key]);
  const defaultRegistry = parsed.data?.image?.registry ?? undefined;
  if (defaultRegistry !== undefined) note("defaultRegistry", ["image", "registry"]);
  if (section.store !== undefined) note("storeRoot", ["lamella", "store"]);
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
    sources,
    warnings,
  };
}

/** A YAML text of which every value's place is known. */
class YamlFile {
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;

  constructor(source: string, file: string) {
    this.#file = file;
    this.#document = parseDocument(source, {
      lineCounter: this.#lines,
      prettyErrors: false,
      logLevel: "error",
    });
    const [error] = this.#document.errors;
    if (error) {
      throw new ConfigFileError(
        this.#at(error.pos[0]),
        `not valid YAML: ${error.message}.`,
        "Correct the file's YAML.",
      );
    }
  }

  toData(): unknown {
    try {
      return this.#document.toJS() as unknown;
    } catch (error) {
      // Aliases that multiply without end, or that refer to nothing.
      throw new ConfigFileError(
        this.#at(0),
        `not valid YAML: ${error instanceof Error ? error.message : String(error)}.`,
        "Correct the file's YAML.",
      );
    }
  }

  /** Of the value at a path; of the nearest one around it where there is none. */
  position(path: readonly PropertyKey[]): { file: string; line: number; column: number } {
    for (let length = path.length; length > 0; length--) {
      const node: unknown = this.#document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return this.#at(node.range[0]);
    }
    return this.#at(this.#document.contents?.range[0] ?? 0);
  }

  /** Of a key, which stands in the mapping at a path. */
  keyPosition(
    path: readonly PropertyKey[],
    key: string,
  ): { file: string; line: number; column: number } {
    const mapping: unknown = this.#document.getIn(path, true);
    const pair = isMap(mapping)
      ? mapping.items.find(({ key: node }) => isScalar(node) && String(node.value) === key)
      : undefined;
    // A key that an alias or a merge brought in stands elsewhere.
    if (!isScalar(pair?.key) || !pair.key.range) return this.position([...path, key]);
    return this.#at(pair.key.range[0]);
  }

  #at(offset: number): { file: string; line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

/** Takes the keys that nobody reads out of `data` and gives a warning for each. */
function removeUnknownKeys(data: unknown, yaml: YamlFile): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  for (const issue of fileSchema.safeParse(data).error?.issues ?? []) {
    if (issue.code !== "unrecognized_keys") continue;
    let parent = data as Record<PropertyKey, unknown>;
    for (const key of issue.path) parent = parent[key] as Record<PropertyKey, unknown>;
    for (const key of issue.keys) {
      const near = nearestName(key, knownKeys(issue.path));
      warnings.push({
        ...yaml.keyPosition(issue.path, key),
        message: `unknown setting '${[...issue.path, key].join(".")}'${near === undefined ? "" : `; did you mean '${near}'?`}`,
      });
      delete parent[key];
    }
  }
  return warnings;
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
