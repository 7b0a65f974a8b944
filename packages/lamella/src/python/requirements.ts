import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { validRange } from "@renovatebot/pep440";
import { isDistributionName, normalizeName } from "./distribution-name.ts";
import { formatRepository, type PackageSource } from "./package-source.ts";
import { parseRepositoryUrl, RepositoryUrlError } from "./repository-url.ts";
import {
  CredentialsInRequirementError,
  InvalidRequirementError,
  RequirementNeedsBuildError,
} from "./resolution-error.ts";
import { parseWheelFilename, wheelFilenameOfUrl } from "./wheel-filename.ts";

/**
 * One requirement, taken apart so that what we hand to the resolver can only ever be a requirement: never an option,
 * a path or a second line.
 */
export interface Requirement {
  /** Normalized name. */
  readonly name: string;
  /** Normalized, sorted, each once. */
  readonly extras: readonly string[];
  /** Version specifiers (PEP 440) with no spaces, as `>=1.0,<2`; empty when any version will do or `url` is given. */
  readonly specifier: string;
  /** Address of the one wheel that is meant: `https:`, `http:` or `file:`, without fragment. */
  readonly url?: string;
  /** Environment marker (PEP 508) as written; the resolver judges it. */
  readonly marker?: string;
  /** Accepted SHA-256 hashes of the file, in hex; empty when any file of the release will do. */
  readonly hashes: readonly string[];
}

/** A requirement that names something which has to be built. */
export interface SourceRequirement {
  /** Normalized; absent where it is not said, and is what the build says. */
  readonly name?: string;
  /** As those of a {@link Requirement}. */
  readonly extras: readonly string[];
  readonly marker?: string;
  /** Accepted SHA-256 hashes of an archive. */
  readonly hashes: readonly string[];
  readonly source: PackageSource;
}

/** Where a requirement was written, for messages. */
export interface RequirementOrigin {
  /** For example `requirements.txt:12`. */
  readonly where: string;
  /** Folder that relative paths of wheels are relative to. */
  readonly directory: string;
}

/** Longest line of requirements that we read, in characters. */
const maximumLength = 16_384;

/**
 * Parses one requirement: PEP 508 (`name[extra]>=1; marker`, `name @ URL-of-a-wheel`), the path or URL of a wheel, and
 * pip's `--hash=sha256:…` after it.
 *
 * Raises {@link InvalidRequirementError}, {@link RequirementNeedsBuildError} for sdists, folders and repositories,
 * and {@link CredentialsInRequirementError}.
 *
 * @example
 * parseRequirement("Torch[opt]>=2,<3; python_version < '3.13'", { where: "image.ts", directory: "/project" });
 */
export function parseRequirement(text: string, origin: RequirementOrigin): Requirement {
  const requirement = parseAnyRequirement(text, origin);
  if (!("source" in requirement)) return requirement;
  throw new RequirementNeedsBuildError(
    `${origin.where}: ${JSON.stringify(text.trim().slice(0, 300))} has to be built, and cannot stand here.`,
    "Name a version or a wheel here; what is built is named as a requirement.",
  );
}

/**
 * {@link parseRequirement}, which also takes what has to be built: `./project`, `./x-1.0.tar.gz`,
 * `name @ git+https://HOST/PATH@REFERENCE`, the URL of an sdist with its hash.
 */
export function parseAnyRequirement(
  text: string,
  origin: RequirementOrigin,
): Requirement | SourceRequirement {
  const shown = JSON.stringify(withoutCredentials(text.trim()).slice(0, 300));
  const at = `${origin.where}: ${shown}`;
  const invalid = (why: string, hint?: string): InvalidRequirementError =>
    new InvalidRequirementError(
      `${at} is not a requirement: ${why}.`,
      hint ??
        "Write it as pip does: NAME, NAME[EXTRA]>=1.0, NAME @ URL-OF-A-WHEEL, or ./path/to.whl.",
    );

  if (text.length > maximumLength) throw invalid("it is too long");
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text)) throw invalid("it holds control characters");
  const { requirement, hashes } = splitHashes(text.trim(), invalid);
  if (requirement === "") throw invalid("it is empty");
  if (requirement.startsWith("-")) throw invalid("it is an option");
  if (/\$\{[A-Z0-9_]+\}/.test(requirement) && !/(?:^|\s|@)git\+/i.test(requirement)) {
    throw invalid(
      "environment variables are not expanded",
      "Write the value out; give credentials of an index by UV_INDEX_NAME_USERNAME and _PASSWORD, netrc or keyring.",
    );
  }

  if (looksLikePathOrUrl(requirement)) {
    const { body, marker } = splitMarker(requirement, invalid);
    const match = /^(.*?)(?:\[([^\]]*)\])?$/s.exec(body);
    const target = readTarget(match?.[1]?.trim() ?? "", origin, at, invalid);
    const common = {
      extras: parseExtras(match?.[2], invalid),
      ...(marker !== undefined && { marker }),
      hashes: [...hashes, ...target.hashes],
    };
    if ("source" in target) return sourceRequirement(target, common, at, invalid);
    const { name } = parseWheelFilename(wheelFilenameOfUrl(target.url));
    return { name, ...common, specifier: "", url: target.url };
  }

  const named = /^([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?\s*(.*)$/s.exec(requirement);
  if (named === null) throw invalid("it does not begin with the name of a package");
  const name = named[1] ?? "";
  if (!isDistributionName(name)) throw invalid(`${JSON.stringify(name)} is no name of a package`);
  const extras = parseExtras(named[2], invalid);
  const rest = named[3] ?? "";
  if (rest.startsWith("@")) {
    const { body, marker } = splitMarker(rest.slice(1).trim(), invalid);
    const target = readTarget(body, origin, at, invalid);
    const common = {
      name: normalizeName(name),
      extras,
      ...(marker !== undefined && { marker }),
      hashes: [...hashes, ...target.hashes],
    };
    if ("source" in target) return sourceRequirement(target, common, at, invalid);
    const wheel = parseWheelFilename(wheelFilenameOfUrl(target.url));
    if (wheel.name !== common.name) {
      throw invalid(`the wheel ${wheel.filename} is not a wheel of ${name}`);
    }
    return { ...common, specifier: "", url: target.url };
  }
  const { body, marker } = splitMarker(rest, invalid);
  return {
    name: normalizeName(name),
    extras,
    specifier: parseSpecifier(body, invalid),
    ...(marker !== undefined && { marker }),
    hashes,
  };
}

/**
 * The requirement as one line of PEP 508, for the resolver and for locks. Hashes are not in it. The same requirement
 * gives the same line however it was written, apart from its marker.
 */
export function formatRequirement(requirement: Requirement): string {
  const { name, extras, specifier, url, marker } = requirement;
  const head = extras.length > 0 ? `${name}[${extras.join(",")}]` : name;
  if (url !== undefined) return `${head} @ ${url}${marker === undefined ? "" : ` ; ${marker}`}`;
  return `${head}${specifier}${marker === undefined ? "" : ` ; ${marker}`}`;
}

/**
 * {@link formatRequirement} of what has to be built. `place` writes where a file or folder of this machine is. Names of
 * secrets are in it, and no values.
 */
export function formatSourceRequirement(
  { name, extras, marker, source }: SourceRequirement,
  place: (source: Exclude<PackageSource, { readonly kind: "repository" }>) => string,
): string {
  const written = source.kind === "repository" ? formatRepository(source) : place(source);
  const suffix = extras.length > 0 ? `[${extras.join(",")}]` : "";
  const head = name === undefined ? `${written}${suffix}` : `${name}${suffix} @ ${written}`;
  return marker === undefined ? head : `${head} ; ${marker}`;
}

/** Text with the user name and password of every URL in it replaced, for messages and logs. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]{0,30}:\/\/)[^/\s"'`<>?#]*@/gi, "$1***@");
}

type Invalid = (why: string, hint?: string) => InvalidRequirementError;

const extensionsOfSource = /\.(?:tar\.gz|tgz|zip|tar\.bz2|tar\.xz)$/i;

function looksLikePathOrUrl(text: string): boolean {
  if (/^[./~\\]/.test(text)) return true;
  if (/^[a-z][a-z0-9+.-]*:/i.test(text) && !/^[A-Za-z0-9._-]+\s*@/.test(text)) return true;
  // `dist/x.whl` and `x.whl`: a file of that name; a version specifier never holds a slash or ends so.
  const head = text.split(/[\s;@[]/, 1)[0] ?? "";
  return head.includes("/") || head.endsWith(".whl") || extensionsOfSource.test(head);
}

function splitHashes(text: string, invalid: Invalid): { requirement: string; hashes: string[] } {
  const start = /(?:^|\s)--(?=[a-z])/.exec(text);
  if (!start) return { requirement: text, hashes: [] };
  const hashes: string[] = [];
  const words = text
    .slice(start.index)
    .trim()
    .split(/[\s=]+/);
  for (let index = 0; index < words.length; index += 2) {
    const option = words[index];
    if (option !== "--hash") {
      throw invalid(
        `the option ${JSON.stringify(option)} is not taken here`,
        option === "--global-option" || option === "--config-settings"
          ? "It concerns builds from source, which get no settings: put them into the project's own files."
          : "Only --hash=sha256:HEX may follow a requirement.",
      );
    }
    const [, algorithm, hex] = /^([a-z0-9]+):([0-9a-fA-F]+)$/.exec(words[index + 1] ?? "") ?? [];
    if (hex === undefined) throw invalid("its --hash is not ALGORITHM:HEX");
    // SHA-256 is what every index and every lock has; a stronger one beside it adds nothing that we could check early.
    if (algorithm !== "sha256") {
      throw invalid(`its hash is of ${algorithm}`, "Give the SHA-256 hash: --hash=sha256:HEX.");
    }
    if (hex.length !== 64) throw invalid("its SHA-256 hash does not have 64 digits");
    hashes.push(hex.toLowerCase());
  }
  return { requirement: text.slice(0, start.index).trim(), hashes };
}

/** A marker begins at the first `;`, in a URL only at one after a space (PEP 508, "url" ends at white space). */
function splitMarker(text: string, invalid: Invalid): { body: string; marker?: string } {
  const isUrl = looksLikePathOrUrl(text);
  const match = isUrl ? /\s;/.exec(text) : /;/.exec(text);
  if (!match) return { body: text.trim() };
  const marker = text.slice(match.index + match[0].length).trim();
  if (marker === "") throw invalid("nothing follows its ';'");
  if (!/^[\w\s.'"()<>=!~*+,-]+$/.test(marker)) throw invalid("its environment marker is malformed");
  return { body: text.slice(0, match.index).trim(), marker: marker.replaceAll(/\s+/g, " ") };
}

function parseExtras(text: string | undefined, invalid: Invalid): string[] {
  if (text === undefined || text.trim() === "") return [];
  const extras = text.split(",").map((extra) => extra.trim());
  for (const extra of extras) {
    if (!isDistributionName(extra))
      throw invalid(`${JSON.stringify(extra)} is no name of an extra`);
  }
  return [...new Set(extras.map(normalizeName))].sort();
}

function parseSpecifier(text: string, invalid: Invalid): string {
  const bare = /^\((.*)\)$/s.exec(text)?.[1] ?? text;
  if (bare.trim() === "") return "";
  const clauses = bare.split(",").map((clause) => clause.trim().replace(/^([<>=!~]+)\s+/, "$1"));
  for (const clause of clauses) {
    const arbitrary = /^===[A-Za-z0-9_.!+-]+$/.test(clause);
    if (!arbitrary && !(/^(?:[<>]=?|==|!=|~=)/.test(clause) && validRange(clause))) {
      throw invalid(
        `${JSON.stringify(clause.slice(0, 100))} is no version specifier`,
        "Use PEP 440 specifiers, separated by commas: ==1.2.3, >=1.0,<2, ~=1.4, !=1.5.",
      );
    }
  }
  return clauses.join(",");
}

/** What an address or a path names, and what it says beside. */
type Target =
  | { readonly url: string; readonly hashes: readonly string[] }
  | {
      readonly source: PackageSource;
      readonly hashes: readonly string[];
      /** `#egg=NAME`. */
      readonly egg?: string;
    };

function sourceRequirement(
  { source, egg }: Extract<Target, { readonly source: unknown }>,
  common: Omit<SourceRequirement, "source">,
  at: string,
  invalid: Invalid,
): SourceRequirement {
  if (egg !== undefined && !isDistributionName(egg)) {
    throw invalid(`${JSON.stringify(egg)} is no name of a package`);
  }
  const { name = egg === undefined ? undefined : normalizeName(egg), hashes, ...rest } = common;
  if (source.kind !== "archive" && hashes.length > 0) {
    throw invalid(`a ${source.kind} has no hash`, "Take the --hash out.");
  }
  if (source.kind === "archive" && !source.url.startsWith("file:") && hashes.length === 0) {
    throw new RequirementNeedsBuildError(
      `${at} is a source distribution of another machine, which is only taken with its hash.`,
      "Add its SHA-256 hash, by which it can be kept: #sha256=HEX after the address.",
    );
  }
  return { ...(name !== undefined && { name }), ...rest, hashes, source };
}

function readTarget(text: string, origin: RequirementOrigin, at: string, invalid: Invalid): Target {
  const repository = readRepository(text, invalid);
  if (repository) return { ...repository, hashes: [] };

  let url: URL;
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) {
    try {
      url = new URL(text);
    } catch {
      throw invalid("its URL is malformed");
    }
    if (url.protocol !== "https:" && url.protocol !== "http:" && url.protocol !== "file:") {
      throw invalid(`URLs of the scheme ${url.protocol} are not taken`, "Use https: or file:.");
    }
  } else {
    if (/\s/.test(text)) throw invalid("its path holds spaces", "Give it as a file: URL with %20.");
    url = pathToFileURL(path.resolve(origin.directory, text));
  }
  if (url.username !== "" || url.password !== "") {
    throw new CredentialsInRequirementError(
      `${at} holds a user name or password.`,
      "It would end up in locks and images. Take it out, and give it by netrc or keyring, or as the credentials of an index.",
    );
  }
  let local: string | undefined;
  if (url.protocol === "file:") {
    try {
      local = fileURLToPath(url);
    } catch {
      throw invalid("its file: URL names no file of this machine");
    }
  }
  const hashes: string[] = [];
  for (const [key, value] of new URLSearchParams(url.hash.slice(1))) {
    if (key !== "sha256") continue;
    if (!/^[0-9a-fA-F]{64}$/.test(value)) throw invalid("its sha256 fragment is malformed");
    hashes.push(value.toLowerCase());
  }
  url.hash = "";
  const last = url.pathname.split("/").at(-1) ?? "";
  if (extensionsOfSource.test(last)) return { source: { kind: "archive", url: url.href }, hashes };
  if (!last.endsWith(".whl")) {
    if (local === undefined) throw invalid("its URL names no wheel and no source distribution");
    return { source: { kind: "folder", path: path.resolve(local) }, hashes };
  }
  parseWheelFilename(wheelFilenameOfUrl(url.href));
  // The resolver reads a line: nothing in the URL may end it or begin a marker.
  return { url: url.href.replaceAll(";", "%3B"), hashes };
}

function readRepository(
  text: string,
  invalid: Invalid,
): { readonly source: PackageSource; readonly egg?: string } | undefined {
  try {
    return parseRepositoryUrl(text);
  } catch (error) {
    if (!(error instanceof RepositoryUrlError)) throw error;
    if (error.holdsSecret) {
      throw new CredentialsInRequirementError(
        `${JSON.stringify(withoutCredentials(text).slice(0, 300))} holds credentials.`,
        error.hint,
      );
    }
    throw invalid(error.message, error.hint);
  }
}
