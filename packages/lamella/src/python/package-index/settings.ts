import { readFile, stat } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parse as parseToml } from "smol-toml";
import type { RequirementsSettings } from "../requirements-file.ts";
import { IndexSettingsError } from "../resolution-error.ts";
import { Credentials, splitCredentials } from "./credentials.ts";
import { type Environment, readPipSettings } from "./pip-settings.ts";

/** A package index, its address without credentials. */
export interface PackageIndex {
  /** uv's name for it, which `UV_INDEX_NAME_USERNAME` refers to. */
  readonly name?: string;
  readonly url: string;
  readonly credentials?: Credentials;
}

/** Where packages come from. No address is built in: with nothing set, uv's own default holds. */
export interface IndexSettings {
  /** Asked last. Absent: uv's default. */
  readonly defaultIndex?: PackageIndex;
  /** Asked first, in this order; the first index that has a package decides (uv's `first-index` strategy). */
  readonly indexes: readonly PackageIndex[];
  /** Folders (`file:`) and pages of wheels. */
  readonly findLinks: readonly PackageIndex[];
  /** No index is asked at all. */
  readonly noIndex: boolean;
  /** Hosts, with or without port, whose certificates are not checked. */
  readonly trustedHosts: readonly string[];
  /** A PEM file of certificate authorities, beside the system's. */
  readonly certificates?: string;
  /** `UV_INDEX_STRATEGY`, `UV_EXCLUDE_NEWER`: what else of the environment may steer a resolution. */
  readonly steering: Readonly<Record<string, string>>;
}

/** Settings of one call that go before the machine's. */
export type CallIndexSettings = Partial<
  Pick<
    RequirementsSettings,
    "indexUrl" | "extraIndexUrls" | "findLinks" | "noIndex" | "trustedHosts"
  >
>;

/**
 * Finds the machine's package index settings, each from the first place that has it: uv's environment variables, uv's
 * configuration of the user, then of the system, pip's variables, pip's files. uv itself reads neither pip's settings,
 * nor (under `--no-config`) its own.
 *
 * A malformed `uv.toml` or address raises {@link IndexSettingsError}. Folders of wheels that pip's settings name and
 * that are not there are left out, as pip does; uv would refuse to run.
 */
export async function readIndexSettings(options: {
  readonly env: Environment;
  readonly os?: NodeJS.Platform;
}): Promise<IndexSettings> {
  const { env } = options;
  const home = env["HOME"] || os.homedir();
  const system = options.os ?? process.platform;
  const uv = [
    uvEnvironment(env),
    ...(await Promise.all(uvFiles(env, home, system).map(readUvFile))),
  ];
  const pip = await readPipSettings({ env, home, os: system });
  const first = <T>(pick: (one: UvSettings) => T | undefined): T | undefined =>
    uv.map(pick).find((value) => value !== undefined);

  const defaultIndex = first((one) => one.defaultIndex) ?? pip.indexUrl;
  const indexes = first((one) => one.indexes) ?? pip.extraIndexUrls;
  const findLinks = first((one) => one.findLinks) ?? (await existingFolders(pip.findLinks, home));
  const certificates = env["SSL_CERT_FILE"] || pip.cert;
  const toIndex = (text: string): PackageIndex => parseIndex(text, env);
  return {
    ...(defaultIndex !== undefined && { defaultIndex: toIndex(defaultIndex) }),
    indexes: indexes.map(toIndex),
    findLinks: findLinks.map(toIndex),
    noIndex: first((one) => one.noIndex) ?? pip.noIndex,
    trustedHosts: first((one) => one.trustedHosts) ?? pip.trustedHosts,
    ...(certificates !== undefined && { certificates }),
    steering: Object.fromEntries(
      ["UV_INDEX_STRATEGY", "UV_EXCLUDE_NEWER"].flatMap((name) =>
        env[name] ? [[name, env[name]]] : [],
      ),
    ),
  };
}

/**
 * The settings under which all calls of an image are resolved together. What a call names is asked before the
 * machine's; where every call names the same index, that one replaces the machine's default.
 */
export function withCallSettings(
  machine: IndexSettings,
  calls: readonly CallIndexSettings[],
  env: Environment,
): IndexSettings {
  const toIndex = (text: string): PackageIndex => parseIndex(text, env);
  const named = new Set(calls.map((call) => call.indexUrl));
  const [only] = named;
  const replaced = named.size === 1 && only !== undefined;
  const before = calls.flatMap((call) => [
    ...(replaced || call.indexUrl === undefined ? [] : [call.indexUrl]),
    ...(call.extraIndexUrls ?? []),
  ]);
  return {
    ...machine,
    ...(replaced && { defaultIndex: toIndex(only) }),
    indexes: unique([...before.map(toIndex), ...machine.indexes]),
    findLinks: unique([
      ...calls.flatMap((call) => call.findLinks ?? []).map(toIndex),
      ...machine.findLinks,
    ]),
    noIndex: machine.noIndex || calls.some((call) => call.noIndex === true),
    trustedHosts: [
      ...new Set([...calls.flatMap((call) => call.trustedHosts ?? []), ...machine.trustedHosts]),
    ],
  };
}

/** Each address once, at its first place. */
function unique(indexes: readonly PackageIndex[]): PackageIndex[] {
  return [
    ...new Map(indexes.toReversed().map((index) => [index.url, index])).values(),
  ].toReversed();
}

/** Every index and page of links, for whoever looks for credentials. */
export function allIndexes(settings: IndexSettings): PackageIndex[] {
  return [
    ...settings.indexes,
    ...(settings.defaultIndex ? [settings.defaultIndex] : []),
    ...settings.findLinks,
  ];
}

interface UvSettings {
  readonly defaultIndex?: string | undefined;
  readonly indexes?: readonly string[] | undefined;
  readonly findLinks?: readonly string[] | undefined;
  readonly noIndex?: boolean | undefined;
  readonly trustedHosts?: readonly string[] | undefined;
}

/** `UV_*` as uv documents them ("Environment variables"); `UV_NO_INDEX` is ours, uv has the option only. */
function uvEnvironment(env: Environment): UvSettings {
  const words = (name: string, separator: RegExp = /\s+/): string[] | undefined =>
    env[name] === undefined || env[name] === ""
      ? undefined
      : env[name].split(separator).filter(Boolean);
  const indexes = [...(words("UV_INDEX") ?? []), ...(words("UV_EXTRA_INDEX_URL") ?? [])];
  return {
    defaultIndex: env["UV_DEFAULT_INDEX"] || env["UV_INDEX_URL"] || undefined,
    indexes: indexes.length > 0 ? indexes : undefined,
    findLinks: words("UV_FIND_LINKS", /,/),
    noIndex: env["UV_NO_INDEX"] ? /^(?:1|true|yes|on)$/i.test(env["UV_NO_INDEX"]) : undefined,
    trustedHosts: words("UV_INSECURE_HOST"),
  };
}

/** uv documentation, "Configuration files": the user's goes before the system's. */
function uvFiles(env: Environment, home: string, system: NodeJS.Platform): string[] {
  if (env["UV_NO_CONFIG"]) return [];
  const systemFolders =
    system === "darwin" ? ["/etc"] : [...(env["XDG_CONFIG_DIRS"] || "/etc/xdg").split(":"), "/etc"];
  return [
    path.join(env["XDG_CONFIG_HOME"] || path.join(home, ".config"), "uv", "uv.toml"),
    ...systemFolders.filter(Boolean).map((folder) => path.join(folder, "uv", "uv.toml")),
  ];
}

async function readUvFile(file: string): Promise<UvSettings> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch {
    return {};
  }
  try {
    const top = table(parseToml(text)) ?? {};
    const pip = table(top["pip"]) ?? {};
    const setting = (key: string): unknown => top[key] ?? pip[key];
    const listed = (Array.isArray(top["index"]) ? top["index"] : []).flatMap((entry: unknown) => {
      const one = table(entry) ?? {};
      // An explicit index serves only packages that a project pins to it; requirements here can pin nothing.
      if (typeof one["url"] !== "string" || one["explicit"] === true) return [];
      const named = typeof one["name"] === "string" ? `${one["name"]}=${one["url"]}` : one["url"];
      return [{ address: named, isDefault: one["default"] === true }];
    });
    const extra = [
      ...listed.flatMap((one) => (one.isDefault ? [] : [one.address])),
      ...(strings(setting("extra-index-url")) ?? []),
    ];
    const noIndex = setting("no-index");
    return {
      defaultIndex:
        listed.find((one) => one.isDefault)?.address ?? strings(setting("index-url"))?.[0],
      indexes: extra.length > 0 ? extra : undefined,
      findLinks: strings(setting("find-links")),
      noIndex: typeof noIndex === "boolean" ? noIndex : undefined,
      trustedHosts: strings(top["allow-insecure-host"]),
    };
  } catch (error) {
    throw new IndexSettingsError(
      `uv's configuration ${file} cannot be read: ${(error as Error).message}`,
      "Correct the file, or set UV_NO_CONFIG=1.",
      { cause: error },
    );
  }
}

function table(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function strings(value: unknown): string[] | undefined {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) return undefined;
  return value.filter((one): one is string => typeof one === "string");
}

async function existingFolders(links: readonly string[], home: string): Promise<string[]> {
  const found = await Promise.all(
    links.map(async (link) => {
      if (/^https?:/i.test(link)) return [link];
      try {
        const folder = link.startsWith("file:")
          ? fileURLToPath(link)
          : link.replace(/^~(?=\/|$)/, home);
        await stat(folder);
        return [folder];
      } catch {
        return [];
      }
    }),
  );
  return found.flat();
}

/** `URL`, `name=URL` (uv's `UV_INDEX`) or the path of a folder. */
function parseIndex(text: string, env: Environment): PackageIndex {
  const [, name, address = text] = /^([A-Za-z0-9_.-]+)=(.+)$/s.exec(text) ?? [];
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(address);
  const url = isUrl ? URL.parse(address) : pathToFileURL(path.resolve(address));
  if (url === null || !/^(?:https?|file):$/.test(url.protocol)) {
    throw new IndexSettingsError(
      "The address of a package index is no URL that begins with https:, http: or file:.",
      "Look at UV_INDEX, UV_DEFAULT_INDEX, PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, uv.toml and pip.conf (python3 -m pip config list).",
    );
  }
  const split = splitCredentials(url);
  const variable = `UV_INDEX_${(name ?? "").toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
  const username = name === undefined ? undefined : env[`${variable}_USERNAME`];
  const password = name === undefined ? undefined : env[`${variable}_PASSWORD`];
  const credentials =
    split.credentials ??
    (username !== undefined || password !== undefined
      ? new Credentials(username ?? "", password ?? "")
      : undefined);
  return {
    ...(name !== undefined && { name }),
    url: split.url,
    ...(credentials && { credentials }),
  };
}
