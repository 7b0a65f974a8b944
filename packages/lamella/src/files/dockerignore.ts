import { InvalidIgnorePatternError } from "./error.ts";
import { defaultIgnoreRules, type IgnoreRules } from "./ignore.ts";
import { ignorePattern, type PathMatcher } from "./ignore-pattern.ts";

/** One rule: a path that it matches is left out, or with `isException` kept although a rule above left it out. */
interface Rule {
  readonly isException: boolean;
  readonly matches: PathMatcher;
  /** The one path that it names, or the folder that all which it matches lies in; empty for the top. */
  readonly place: string;
  /** Whether it names one path. */
  readonly isPlain: boolean;
}

/** White space as Go's `strings.TrimSpace` knows it. */
const space = String.raw`[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;
const outerSpace = new RegExp(`^${space}+|${space}+$`, "gu");

/**
 * The rules of a `.dockerignore` file, as Docker reads it (docs.docker.com, "Build context", and what BuildKit does where
 * that is silent). Paths are relative to the folder that the file is for.
 *
 * {@link defaultIgnoreRules} hold as if they stood in the first line: `!.git` keeps `.git`. A folder that the rules leave
 * empty is kept, as Docker keeps it.
 *
 * Raises {@link InvalidIgnorePatternError} for what Docker refuses too. `name` is the file's name, for errors.
 *
 * @example
 * ```ts
 * const ignore = dockerignoreRules("data\n!data/small.csv\n", ".dockerignore");
 * ignore.ignores("data/large.csv", false); // true
 * ```
 */
export function dockerignoreRules(text: string, name: string): IgnoreRules {
  const rules = text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .flatMap((line, index) => parseLine(line, `${name}, line ${index + 1}`));
  return new DockerIgnore(rules);
}

/**
 * Docker goes over each line twice, when it reads the file and when it takes the pattern in, and cleans it both times:
 * so an exclamation mark that is the first character only then makes an exception as well.
 */
function parseLine(line: string, where: string): Rule[] {
  if (line.startsWith("#")) return [];
  const text = trim(line);
  if (text === "") return [];
  const mark = text.startsWith("!") ? "!" : "";
  const read = trim(text.slice(mark.length));
  const cleaned = mark + (read === "" ? "" : cleanPath(read).replace(/^\/(?=.)/, ""));
  const taken = trim(cleaned);
  if (taken === "") return [];
  const isException = taken.startsWith("!");
  const pattern = isException ? cleanPath(taken).slice(1) : cleanPath(taken);
  if (pattern === "") {
    throw new InvalidIgnorePatternError(
      `${where}: there is no pattern after "!".`,
      'Say what is kept all the same, as in "!data/small.csv", or take the line out.',
    );
  }
  const plain = /^[^*?[\]\\]*/.exec(pattern)?.[0] ?? "";
  const isPlain = plain === pattern;
  const place = isPlain ? pattern : plain.slice(0, Math.max(plain.lastIndexOf("/"), 0));
  return [{ isException, matches: ignorePattern(pattern, where), place, isPlain }];
}

function trim(text: string): string {
  return text.replace(outerSpace, "");
}

/** A path without `.`, `..` and empty segments, by its text alone: Go's `path.Clean`. */
function cleanPath(path: string): string {
  const rooted = path.startsWith("/");
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") segments.push(segment);
    else if (segments.length > 0 && segments.at(-1) !== "..") segments.pop();
    else if (!rooted) segments.push(segment);
  }
  return (rooted ? "/" : "") + segments.join("/") || ".";
}

/** What is known of a folder: whether the default rules ignore it, and which of the rules were found to match it. */
interface Verdict {
  readonly ignored: boolean;
  readonly byDefault: boolean;
  readonly matched: readonly boolean[];
}

class DockerIgnore implements IgnoreRules {
  readonly keepsEmptied = true;
  readonly #rules: readonly Rule[];
  readonly #folders = new Map<string, Verdict>();

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  ignores(path: string, isDirectory: boolean): boolean {
    return this.#verdict(path, isDirectory).ignored;
  }

  mayKeepInside(directory: string): boolean {
    return this.#rules.some(({ isException, place, isPlain }) => {
      if (!isException) return false;
      if (isInside(place, directory)) return true;
      return !isPlain && (place === "" || isInside(directory, place));
    });
  }

  /**
   * The last rule that matches decides, and a rule matches all that is below what it matches. BuildKit asks an exception
   * only about what is ignored by then, and remembers its answer for all below: so one that matches a folder which was
   * not ignored keeps nothing in it.
   */
  #verdict(path: string, isDirectory: boolean): Verdict {
    const known = this.#folders.get(path);
    if (known) return known;
    const end = path.lastIndexOf("/");
    const parent = end < 0 ? undefined : this.#verdict(path.slice(0, end), true);
    const byDefault = parent?.byDefault === true || defaultIgnoreRules.ignores(path, isDirectory);
    let ignored = byDefault;
    const matched = this.#rules.map(({ isException, matches }, index) => {
      const isAsked = isException === ignored;
      const isMatch = parent?.matched[index] === true || (isAsked && matches(path));
      if (isMatch) ignored = !isException;
      return isMatch;
    });
    const verdict = { ignored, byDefault, matched };
    if (isDirectory) this.#folders.set(path, verdict);
    return verdict;
  }
}

/** Whether it is the folder itself, or below it. */
function isInside(path: string, folder: string): boolean {
  return `${path}/`.startsWith(`${folder}/`);
}
