import type { LamellaError } from "../error.ts";
import { diskFull } from "../store/error.ts";
import { normalizeName } from "./distribution-name.ts";
import { withoutCredentials } from "./requirements.ts";
import {
  IndexUnauthorizedError,
  IndexUnreachableError,
  NoMatchingVersionError,
  NoWheelError,
  PackageBuildError,
  ResolutionConflictError,
  UnknownPackageError,
  UvFailedError,
  UvUnavailableError,
  WheelNotFoundError,
} from "./resolution-error.ts";
import { invalidWheel, MismatchedWheelError } from "./wheel-error.ts";

/** Longest part of uv's own words that is repeated, in characters. */
const maximumQuote = 4_000;

/** A package as uv's explanations write it, markers in braces taken out: name, then perhaps extras and specifiers. */
const packagePattern = String.raw`(\S{1,300})`;

/** Longest error output that is looked at, in characters. */
const maximumText = 50_000;

/**
 * Says what uv's error output means, as the error that a person can act on. uv has no machine-readable form of it, so
 * its wording is matched loosely, and what no rule knows becomes {@link UvFailedError} with uv's own words.
 *
 * `target` describes what was resolved for, as `Python 3.11 on linux/amd64`.
 */
export function explainUvFailure(stderr: string, target: string): LamellaError {
  const text = withoutCredentials(stderr)
    .slice(0, maximumText)
    .replaceAll(/\s+/g, " ")
    .replaceAll("(i.e., with `--no-build`)", "")
    .replaceAll(/\{[^{}]{0,200}\}/g, "")
    .trim();
  const explanation = quote(text);
  const find = (pattern: string): RegExpExecArray | null => new RegExp(pattern, "i").exec(text);
  let match: RegExpExecArray | null;

  if (/No space left on device|Disk quota exceeded/i.test(text)) {
    const [, path] = /`(\/[^`]+)`: (?:No space left|Disk quota)/i.exec(text) ?? [];
    return diskFull(path ?? "uv's cache");
  }
  if (/401 Unauthorized|403 Forbidden|lack of valid authentication/i.test(text)) {
    const [, index = "a package index"] =
      /\((https?:[^\s)]+)\)|(?:for url \()(https?:[^\s)]+)/i.exec(text) ?? [];
    return new IndexUnauthorizedError(
      `${index} refused the credentials, or wants some.`,
      "Give them by UV_INDEX_NAME_USERNAME and UV_INDEX_NAME_PASSWORD, ~/.netrc, keyring, or `uv auth login`; look at their rights if they are there.",
    );
  }
  if (/No interpreter found|No Python interpreter/i.test(text)) {
    return new UvUnavailableError(
      "uv found no Python interpreter on this machine, and resolves only with one (of any version).",
      "Install Python 3 (Debian: apt install python3), or put one that is there on PATH.",
    );
  }
  if (/network was disabled/i.test(text)) {
    return new IndexUnreachableError(
      `The network is switched off (UV_OFFLINE), and what is needed is not in the cache: ${explanation}`,
      "Unset UV_OFFLINE, or name a folder of wheels with UV_FIND_LINKS.",
    );
  }
  if ((match = find("Distribution not found at: (\\S+)"))) {
    return new WheelNotFoundError(`There is no wheel at ${match[1]}.`, "Check the path.");
  }
  if ((match = find("Failed to read `--find-links` \\S+ (\\S+)"))) {
    return new WheelNotFoundError(
      `The folder of wheels ${match[1]} cannot be read.`,
      "Check the path where it is set: lamella.python.findLinks in config.yaml, UV_FIND_LINKS, or find-links in pip.conf.",
    );
  }
  if ((match = find("Failed to build (?:source distribution )?`([^`]+)`"))) {
    return new PackageBuildError(
      `${match[1]} could not be built from source. ${explanation}`,
      "Read what its build says. A library that it needs is installed by withAptPackages, below the first Python packages of the image.",
    );
  }
  if (/Failed to fetch|error sending request|dns error|tcp connect error|timed out/i.test(text)) {
    const url = /Failed to fetch: `?(https?:[^\s`]+)/i.exec(text)?.[1] ?? "the package index";
    if (/404 Not Found/i.test(text)) {
      return new WheelNotFoundError(`There is nothing at ${url}.`, "Check the address.");
    }
    const status = /HTTP status (?:server|client) error \(([^()]{1,100})\)/i.exec(text)?.[1];
    if (status !== undefined) {
      return new IndexUnreachableError(
        `${url} answers with an error: ${status}.`,
        "The fault is on its side: try again later, or use another index.",
      );
    }
    return new IndexUnreachableError(
      `No answer from ${url}: ${lastCause(stderr)}.`,
      [
        "Check the network and the proxy (HTTPS_PROXY), and the address of the index where it is set: lamella.python.indexUrl in config.yaml, UV_DEFAULT_INDEX, PIP_INDEX_URL or pip.conf.",
        "Without a network, name a folder of wheels: UV_FIND_LINKS=/folder UV_NO_INDEX=1.",
      ].join("\n"),
    );
  }
  if (
    (match = find("Package metadata (name|version) `([^`]+)` does not match given \\S+ `([^`]+)`"))
  ) {
    const [, what, own, given] = match;
    return new MismatchedWheelError(
      `A wheel that is called ${given} cannot be used: the ${what} in its metadata is ${own}.`,
      "Fetch or build the wheel again. If it comes out the same, its publisher has to mend it.",
    );
  }
  if ((match = find("`([^`]+)` \\(v([^)]+)\\) (?:was|is) invalid: (.+)$"))) {
    return invalidWheel(`of ${match[1]} ${match[2]}`, match[3] ?? "it is damaged");
  }
  if (
    (match = find(
      `Because ${packagePattern} was not found in the (?:package registry|provided package locations|cache)`,
    ))
  ) {
    const { name } = packageIn(match);
    return new UnknownPackageError(
      name,
      `No package index and no folder of wheels has a package ${JSON.stringify(name)}. ${explanation}`,
      "Check the spelling. If it is in another index, name that (indexUrl, extraIndexUrls, UV_INDEX).",
    );
  }
  const noWheel =
    find(`(?:all versions of )?${packagePattern} (?:has|have) no usable wheels`) ??
    find(`${packagePattern} has no wheels with a matching`);
  if (noWheel) {
    const { name, specifier } = packageIn(noWheel);
    return new NoWheelError(
      name,
      `${name}${specifier} has no wheel for ${target}. ${explanation}`,
      [
        "It is published as source only, or for other versions of Python or other platforms.",
        "Ask for a version that has wheels, use another Python version or base, or build a wheel of it yourself (pip wheel) and name the .whl file.",
      ].join("\n"),
    );
  }
  if ((match = find(`${packagePattern} (?:depends on|requires) Python`))) {
    const { name } = packageIn(match);
    return new NoMatchingVersionError(
      name,
      `No version of ${name} that fits is made for ${target}. ${explanation}`,
      "Ask for another version of it, or use another Python version.",
    );
  }
  if ((match = find(`there (?:is|are) no versions? of ${packagePattern}`))) {
    const { name, specifier } = packageIn(match);
    return new NoMatchingVersionError(
      name,
      `There is no version ${specifier} of ${name} for ${target}. ${explanation}`,
      "Ask for a version that exists. A pre-release has to be asked for (pre: true, or ==1.0rc1).",
    );
  }
  if (/No solution found/i.test(text)) {
    return new ResolutionConflictError(
      `The packages cannot be had together for ${target}. ${explanation}`,
      "Loosen or remove one of the version specifiers named.",
    );
  }
  return new UvFailedError(
    `uv could not resolve the packages for ${target}. ${explanation}`,
    "Read what uv says. If it speaks of an option, uv is too old or too new: remove it from PATH, and Lamella installs its own.",
  );
}

function packageIn(match: RegExpExecArray): { name: string; specifier: string } {
  const [, name = "", specifier = ""] =
    /^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?(.*)$/.exec(match[1] ?? "") ?? [];
  return { name: normalizeName(name), specifier };
}

function quote(text: string): string {
  const said = text
    .replace(/^error: (?:No solution found when resolving dependencies )?/i, "")
    .replaceAll("cause: ", "")
    .trim();
  const whole = said.length <= maximumQuote;
  return `uv says: ${whole ? said : `${said.slice(0, maximumQuote)}…`}${/[.!?…]$/.test(said) ? "" : "."}`;
}

function lastCause(stderr: string): string {
  const causes = withoutCredentials(stderr)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^(?:cause|caused by): /i.test(line));
  return (causes.at(-1) ?? "request failed").replace(/^[^:]*: /, "").slice(0, 300);
}
