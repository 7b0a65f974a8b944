import { readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { logicalLines, splitOption } from "../image/requirements-lines.ts";
import { isDistributionName, normalizeName } from "./distribution-name.ts";
import {
  parseAnyRequirement,
  parseRequirement,
  type Requirement,
  type RequirementOrigin,
  type SourceRequirement,
  withoutCredentials,
} from "./requirements.ts";
import {
  InvalidRequirementError,
  RequirementNeedsBuildError,
  RequirementsFileError,
} from "./resolution-error.ts";

/** What a requirements file asks for: what to install, and the settings in it that steer resolution. */
export interface RequirementsFile {
  readonly requirements: readonly Requirement[];
  /** What has to be built. */
  readonly sources: readonly SourceRequirement[];
  /** From `-c` files: they bound versions and install nothing. */
  readonly constraints: readonly Requirement[];
  readonly settings: RequirementsSettings;
  /** Absolute paths of every file that was read, the first one first: what a digest of the whole must cover. */
  readonly files: readonly string[];
}

/** The options of pip's requirements files that decide what resolution finds. */
export interface RequirementsSettings {
  /** `--index-url`, credentials included: never to be printed. */
  readonly indexUrl?: string;
  readonly extraIndexUrls: readonly string[];
  /** `file:` URLs of folders or `https:` URLs of pages. */
  readonly findLinks: readonly string[];
  readonly noIndex: boolean;
  readonly pre: boolean;
  readonly requireHashes: boolean;
  readonly trustedHosts: readonly string[];
  /** Normalized names of packages that are built from source though they have wheels; `:all:` for all packages. */
  readonly noBinary: readonly string[];
}

/** One logical line: a requirement, or an option with its value. */
export type RequirementsLine =
  | { readonly kind: "requirement"; readonly requirement: Requirement }
  | { readonly kind: "source"; readonly requirement: SourceRequirement }
  | { readonly kind: "include"; readonly constraint: boolean; readonly file: string }
  | { readonly kind: "setting"; readonly setting: Partial<RequirementsSettings> };

/** Requirements files above this size are no requirements files; in bytes. */
const maximumFileSize = 4 * 1024 * 1024;

/** What `--no-binary` takes in the place of a name. */
const allOrNone: ReadonlySet<string> = new Set([":all:", ":none:"]);

/** Includes deeper than this are a mistake even without a cycle. */
const maximumDepth = 32;

/**
 * Reads a requirements file in pip's format with the files that it includes.
 *
 * - `-r` and `-c` are relative to the file that holds them, as in pip. So are the paths of local wheels and of
 *   `--find-links` folders, so that it does not matter from where a build is started (pip takes the former from the
 *   working directory).
 * - `${VARIABLE}` is not expanded: a lock must not depend on the environment, nor hold what is secret in it.
 * - `-e` of a repository is the repository: what is in an image is edited by nobody. `-e` of a folder raises
 *   {@link RequirementNeedsBuildError}; anything else that cannot be read, {@link InvalidRequirementError}; a file
 *   that is not there, {@link RequirementsFileError}. Each names file and line.
 */
export async function readRequirementsFile(
  file: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<RequirementsFile> {
  const reading: Reading = {
    files: new Map(),
    requirements: [],
    sources: [],
    constraints: [],
    settings: [],
  };
  await include(path.resolve(file), false, [], reading, options.signal);
  return {
    requirements: reading.requirements,
    sources: reading.sources,
    constraints: reading.constraints,
    settings: mergeSettings(reading.settings),
    files: [...reading.files.keys()],
  };
}

interface Reading {
  /** Absolute path to whether it was read as requirements, as constraints, or both. */
  readonly files: Map<string, Set<"requirements" | "constraints">>;
  readonly requirements: Requirement[];
  readonly sources: SourceRequirement[];
  readonly constraints: Requirement[];
  readonly settings: Partial<RequirementsSettings>[];
}

async function include(
  file: string,
  constraint: boolean,
  parents: readonly string[],
  reading: Reading,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (parents.includes(file)) {
    throw new RequirementsFileError(
      `Requirements files include each other in a circle: ${[...parents, file].join(" → ")}.`,
      "Take one of the -r or -c lines out.",
    );
  }
  if (parents.length >= maximumDepth) {
    throw new RequirementsFileError(
      `Requirements files include each other more than ${maximumDepth} deep, down to ${file}.`,
      "Merge some of them.",
    );
  }
  const role = constraint ? "constraints" : "requirements";
  const roles = reading.files.get(file) ?? new Set();
  // A file that two others include counts once: its lines would only repeat themselves.
  if (roles.has(role)) return;
  reading.files.set(file, roles.add(role));

  const text = await readText(file, parents.at(-1), signal);
  for (const line of parseRequirementsText(text, { path: file, constraint })) {
    switch (line.kind) {
      case "requirement":
        (constraint ? reading.constraints : reading.requirements).push(line.requirement);
        break;
      case "source":
        reading.sources.push(line.requirement);
        break;
      case "setting":
        reading.settings.push(line.setting);
        break;
      case "include":
        await include(
          path.resolve(path.dirname(file), line.file),
          constraint || line.constraint,
          [...parents, file],
          reading,
          signal,
        );
        break;
    }
  }
}

async function readText(
  file: string,
  includedBy: string | undefined,
  signal: AbortSignal | undefined,
): Promise<string> {
  const from = includedBy === undefined ? "" : ` (included by ${includedBy})`;
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw new RequirementsFileError(
      `The requirements file ${file}${from} cannot be read: ${(error as Error).message}.`,
      "Check the path: files that a requirements file includes are relative to it.",
      { cause: error },
    );
  }
  if (bytes.length > maximumFileSize) {
    throw new RequirementsFileError(
      `The requirements file ${file}${from} is larger than ${maximumFileSize} bytes.`,
      "Check that it is the right file.",
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new RequirementsFileError(
      `The requirements file ${file}${from} is not UTF-8.`,
      "Save it as UTF-8.",
      { cause: error },
    );
  }
}

/** The settings of several files or calls as one: lists joined in order, later single values replacing earlier ones. */
export function mergeSettings(
  settings: readonly Partial<RequirementsSettings>[],
): RequirementsSettings {
  const indexUrl = settings.findLast((one) => one.indexUrl !== undefined)?.indexUrl;
  return {
    ...(indexUrl !== undefined && { indexUrl }),
    extraIndexUrls: [...new Set(settings.flatMap((one) => one.extraIndexUrls ?? []))],
    findLinks: [...new Set(settings.flatMap((one) => one.findLinks ?? []))],
    noIndex: settings.some((one) => one.noIndex === true),
    pre: settings.some((one) => one.pre === true),
    requireHashes: settings.some((one) => one.requireHashes === true),
    trustedHosts: [...new Set(settings.flatMap((one) => one.trustedHosts ?? []))],
    noBinary: noBinaryOf(settings),
  };
}

/** `:none:` takes back what was said before (pip, "--no-binary"). */
function noBinaryOf(settings: readonly Partial<RequirementsSettings>[]): readonly string[] {
  const named = settings.flatMap((one) => one.noBinary ?? []);
  return [...new Set(named.slice(named.lastIndexOf(":none:") + 1))].sort();
}

/**
 * Parses the text of one requirements file, or of one of constraints, which names nothing that has to be built. `path`
 * (absolute) is for messages and for relative paths; nothing is read. Raises as {@link readRequirementsFile} does.
 */
export function parseRequirementsText(
  text: string,
  source: { readonly path: string; readonly constraint?: boolean },
): RequirementsLine[] {
  const directory = path.dirname(source.path);
  return logicalLines(text).map(({ line, number }) => {
    const origin = { where: `${source.path}:${number}`, directory };
    if (line.startsWith("-")) return parseOption(line, origin);
    return source.constraint
      ? { kind: "requirement", requirement: parseRequirement(line, origin) }
      : requirementLine(line, origin);
  });
}

function requirementLine(text: string, origin: RequirementOrigin): RequirementsLine {
  const requirement = parseAnyRequirement(text, origin);
  return "source" in requirement
    ? { kind: "source", requirement }
    : { kind: "requirement", requirement };
}

function parseOption(line: string, origin: RequirementOrigin): RequirementsLine {
  const { where, directory } = origin;
  const { option, value } = splitOption(line);
  const shown = JSON.stringify(withoutCredentials(line).slice(0, 300));
  const invalid = (why: string, hint: string): InvalidRequirementError =>
    new InvalidRequirementError(`${where}: ${shown}: ${why}.`, hint);
  const argument = (): string => {
    if (value === "") throw invalid("the option needs a value", "Give it on the same line.");
    if (/\$\{[A-Z0-9_]+\}/.test(value)) {
      throw invalid(
        "environment variables are not expanded",
        "Name the index without credentials, and give those by UV_INDEX_NAME_USERNAME and _PASSWORD, netrc or keyring.",
      );
    }
    return value;
  };
  const indexUrl = (): string => {
    const url = URL.parse(argument());
    if (url === null || !/^(?:https?|file):$/.test(url.protocol)) {
      throw invalid("its value is no URL of an index", "Give an absolute https: URL.");
    }
    return url.href;
  };
  const flag = (setting: Partial<RequirementsSettings>): RequirementsLine => {
    if (value !== "") throw invalid("the option takes no value", "Take what follows it out.");
    return { kind: "setting", setting };
  };
  switch (option) {
    case "--requirement":
    case "--constraint":
      if (/^[a-z][a-z0-9+.-]*:\/\//i.test(argument())) {
        throw invalid(
          "a requirements file from a URL is not read",
          "Download it and name the file.",
        );
      }
      return { kind: "include", constraint: option === "--constraint", file: argument() };
    case "--index-url":
    case "--pypi-url":
      return { kind: "setting", setting: { indexUrl: indexUrl() } };
    case "--extra-index-url":
      return { kind: "setting", setting: { extraIndexUrls: [indexUrl()] } };
    case "--find-links": {
      const links = argument();
      const isUrl = /^(?:https?|file):/i.test(links);
      const url = isUrl ? URL.parse(links) : pathToFileURL(path.resolve(directory, links));
      if (url === null) throw invalid("its value is no URL", "Give a folder or an https: URL.");
      return { kind: "setting", setting: { findLinks: [url.href] } };
    }
    case "--trusted-host":
      return { kind: "setting", setting: { trustedHosts: [argument()] } };
    case "--no-index":
      return flag({ noIndex: true });
    case "--pre":
      return flag({ pre: true });
    case "--require-hashes":
      return flag({ requireHashes: true });
    // Wheels are all that is ever taken, so these ask for what is done anyway.
    case "--prefer-binary":
      return flag({});
    case "--only-binary":
      argument();
      return { kind: "setting", setting: {} };
    case "--editable": {
      const named = requirementLine(argument(), origin);
      if (named.kind === "source" && named.requirement.source.kind === "repository") return named;
      throw new RequirementNeedsBuildError(
        `${where}: ${shown} is editable, and what is in an image is not edited.`,
        "Leave -e away, and a wheel is built of the folder; or copy it with withSourceFolder, and put it on PYTHONPATH.",
      );
    }
    case "--no-binary": {
      const names = argument()
        .split(",")
        .map((name) => name.trim());
      const wrong = names.find((name) => !allOrNone.has(name) && !isDistributionName(name));
      if (wrong !== undefined) {
        throw invalid(
          `${JSON.stringify(wrong)} is no name of a package`,
          "Name packages, or :all:.",
        );
      }
      const noBinary = names.map((name) => (allOrNone.has(name) ? name : normalizeName(name)));
      return { kind: "setting", setting: { noBinary } };
    }
    default:
      throw invalid(
        "the option is not taken",
        "Taken are -r, -c, --index-url, --extra-index-url, --find-links, --no-index, --pre, --require-hashes, --trusted-host, --no-binary, --only-binary and --prefer-binary.",
      );
  }
}
