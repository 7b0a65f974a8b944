import { readFile, stat } from "node:fs/promises";
import path from "node:path";

/** An environment as processes have it; passed in, so that nothing here reads the real one. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * pip's settings about where packages come from, keys as pip names them (`index-url`). Values of list options are split
 * at white space.
 */
export interface PipSettings {
  readonly indexUrl?: string;
  readonly extraIndexUrls: readonly string[];
  readonly findLinks: readonly string[];
  readonly noIndex: boolean;
  readonly trustedHosts: readonly string[];
  /** A PEM file of certificate authorities. */
  readonly cert?: string;
}

/**
 * Reads pip's settings by pip's own order (pip documentation, "Configuration"): global, user and the active virtual
 * environment's files, `PIP_CONFIG_FILE`, then `PIP_*` variables; the section `[install]` goes before `[global]`. The
 * files are parsed here rather than by `pip config list`, which takes 0.3 s and is not there where pip is not.
 *
 * Files that are missing or cannot be read count as absent, as in pip.
 */
export async function readPipSettings(environment: {
  readonly env: Environment;
  readonly home: string;
  readonly os: NodeJS.Platform;
}): Promise<PipSettings> {
  const { env } = environment;
  const values = new Map<string, string>();
  for (const section of ["global", "install"]) {
    for (const file of await configurationFiles(environment)) {
      const sections = parseConfigurationFile(await textOrNothing(file));
      for (const [key, value] of sections.get(section) ?? []) values.set(key, value);
    }
  }
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith("PIP_") || value === undefined || value === "") continue;
    values.set(name.slice("PIP_".length).toLowerCase().replaceAll("_", "-"), value);
  }

  const list = (key: string): string[] => (values.get(key) ?? "").split(/\s+/).filter(Boolean);
  const one = (key: string): string | undefined => values.get(key)?.trim() || undefined;
  const indexUrl = one("index-url") ?? one("pypi-url");
  const cert = one("cert");
  return {
    ...(indexUrl !== undefined && { indexUrl }),
    extraIndexUrls: list("extra-index-url"),
    findLinks: list("find-links"),
    noIndex: /^(?:1|y|yes|t|true|on)$/i.test(one("no-index") ?? ""),
    trustedHosts: list("trusted-host"),
    ...(cert !== undefined && { cert }),
  };
}

/** In increasing precedence. */
async function configurationFiles(environment: {
  readonly env: Environment;
  readonly home: string;
  readonly os: NodeJS.Platform;
}): Promise<string[]> {
  const { env, home, os } = environment;
  // pip: `PIP_CONFIG_FILE=/dev/null` switches every file off.
  if (env["PIP_CONFIG_FILE"] === "/dev/null") return [];
  const files: string[] = [];
  const configHome = env["XDG_CONFIG_HOME"] || path.join(home, ".config");
  if (os === "darwin") {
    files.push("/Library/Application Support/pip/pip.conf");
  } else {
    for (const folder of (env["XDG_CONFIG_DIRS"] || "/etc/xdg").split(":").reverse()) {
      if (folder !== "") files.push(path.join(folder, "pip", "pip.conf"));
    }
    files.push("/etc/pip.conf");
  }
  files.push(path.join(home, ".pip", "pip.conf"));
  const library = path.join(home, "Library", "Application Support", "pip");
  if (os === "darwin" && (await isDirectory(library))) files.push(path.join(library, "pip.conf"));
  else files.push(path.join(configHome, "pip", "pip.conf"));
  if (env["VIRTUAL_ENV"]) files.push(path.join(env["VIRTUAL_ENV"], "pip.conf"));
  if (env["PIP_CONFIG_FILE"]) files.push(env["PIP_CONFIG_FILE"]);
  return files;
}

/**
 * The dialect of Python's `RawConfigParser`: sections in brackets, `key = value` or `key: value`, whole-line comments
 * with `#` or `;`, indented lines continuing a value. Keys as pip compares them: lower case, `-` for `_`. A line that
 * fits nowhere is passed over.
 */
export function parseConfigurationFile(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  let key: string | undefined;
  for (const line of text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/)) {
    if (/^\s*(?:[#;]|$)/.test(line)) continue;
    const heading = /^\[([^\]]+)\]/.exec(line);
    if (heading) {
      const name = heading[1] ?? "";
      section = sections.get(name) ?? new Map<string, string>();
      sections.set(name, section);
      key = undefined;
      continue;
    }
    if (/^\s/.test(line)) {
      if (section && key !== undefined)
        section.set(key, `${section.get(key) ?? ""}\n${line.trim()}`);
      continue;
    }
    const option = /^([^=:]+?)\s*[=:]\s*(.*)$/.exec(line);
    key = option?.[1]?.toLowerCase().replaceAll("_", "-");
    if (key !== undefined) section?.set(key, option?.[2]?.trim() ?? "");
  }
  return sections;
}

async function textOrNothing(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch {
    return "";
  }
}

async function isDirectory(folder: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory();
  } catch {
    return false;
  }
}
