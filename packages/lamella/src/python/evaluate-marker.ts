import { explain as explainVersion, satisfies } from "@renovatebot/pep440";
import type { WheelTarget } from "./tags.ts";
import { machineName } from "./tags.ts";

/** The variables of environment markers (PEP 508), apart from `extra`. */
export type MarkerEnvironment = Readonly<Record<string, string>>;

/** The environment of CPython on Linux. `fullVersion` is `3.11.2`; `.0` of the minor version if absent. */
export function markerEnvironment(
  { python, platform }: Pick<WheelTarget, "python" | "platform">,
  fullVersion: string = `${python}.0`,
): MarkerEnvironment {
  return {
    os_name: "posix",
    sys_platform: "linux",
    platform_machine: machineName(platform),
    platform_python_implementation: "CPython",
    platform_release: "",
    platform_system: "Linux",
    platform_version: "",
    python_version: python,
    python_full_version: fullVersion,
    implementation_name: "cpython",
    implementation_version: fullVersion,
  };
}

/** Longest marker that is judged, in characters, and the most parentheses in each other. */
const maximumLength = 100_000;
const maximumDepth = 100;

const versions = new Set(["python_version", "python_full_version", "implementation_version"]);

type Token =
  | { readonly kind: "word" | "operator"; readonly text: string }
  | { readonly kind: "text"; readonly text: string };

/**
 * Whether a marker holds (PEP 508, "Environment Markers"). `extras` are those that `extra == "…"` holds for. Throws
 * SyntaxError for what is no marker.
 *
 * @example
 * markerHolds("python_version < '3.12' and extra == 'cpu'", environment, new Set(["cpu"]));
 */
export function markerHolds(
  marker: string,
  environment: MarkerEnvironment,
  extras: ReadonlySet<string> = new Set(),
): boolean {
  const tokens = tokensOf(marker);
  let at = 0;
  const next = (): Token | undefined => tokens[at];
  const isNext = (text: string): boolean => next()?.kind !== "text" && next()?.text === text;
  const wrong = (): SyntaxError =>
    new SyntaxError(`${JSON.stringify(marker.slice(0, 200))} is no marker`);
  const either = (depth: number): boolean => {
    let holds = both(depth);
    while (isNext("or")) {
      at++;
      const other = both(depth);
      holds ||= other;
    }
    return holds;
  };
  const both = (depth: number): boolean => {
    let holds = one(depth);
    while (isNext("and")) {
      at++;
      const other = one(depth);
      holds &&= other;
    }
    return holds;
  };
  const one = (depth: number): boolean => {
    if (!isNext("(")) return comparison();
    if (depth > maximumDepth) throw wrong();
    at++;
    const holds = either(depth + 1);
    if (!isNext(")")) throw wrong();
    at++;
    return holds;
  };
  const comparison = (): boolean => {
    const left = tokens[at++];
    let operator = tokens[at++]?.text;
    if (operator === "not" && isNext("in")) {
      at++;
      operator = "not in";
    }
    const right = tokens[at++];
    if (!left || !right || operator === undefined) throw wrong();
    if (left.kind === "operator" || right.kind === "operator") throw wrong();
    const name = left.kind === "word" ? left.text : right.kind === "word" ? right.text : undefined;
    if (name === undefined || left.kind === right.kind) throw wrong();
    if (name === "extra" || name === "extras") {
      return (
        extraHolds(operator, left.kind === "text" ? left.text : right.text, extras) ?? fail(wrong())
      );
    }
    const value = (token: Token): string =>
      token.kind === "text" ? token.text : (environment[token.text] ?? fail(wrong()));
    return compare(value(left), operator, value(right), versions.has(name)) ?? fail(wrong());
  };
  const result = either(0);
  if (at !== tokens.length) throw wrong();
  return result;
}

function fail(error: Error): never {
  throw error;
}

function tokensOf(marker: string): readonly Token[] {
  const tokens: Token[] = [];
  const pattern = /\s*(?:([()]|[<>=!~]=?=?)|([A-Za-z_][\w.]*)|'([^']*)'|"([^"]*)")/y;
  const text = marker.slice(0, maximumLength).trimEnd();
  while (pattern.lastIndex < text.length) {
    const start = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match || marker.length > maximumLength) {
      throw new SyntaxError(
        `${JSON.stringify(marker.slice(start, start + 100))} is no part of a marker`,
      );
    }
    const [, operator, word, single, double] = match;
    if (operator !== undefined) tokens.push({ kind: "operator", text: operator });
    else if (word === undefined) tokens.push({ kind: "text", text: single ?? double ?? "" });
    else if (["and", "or", "not", "in"].includes(word))
      tokens.push({ kind: "operator", text: word });
    else tokens.push({ kind: "word", text: word });
  }
  return tokens;
}

function extraHolds(
  operator: string,
  name: string,
  extras: ReadonlySet<string>,
): boolean | undefined {
  if (operator === "==" || operator === "in") return extras.has(name);
  if (operator === "!=" || operator === "not in") return !extras.has(name);
  return undefined;
}

/** Versions compare as versions where both are some; all else as texts. */
function compare(
  left: string,
  operator: string,
  right: string,
  areVersions: boolean,
): boolean | undefined {
  if (operator === "in") return right.includes(left);
  if (operator === "not in") return !right.includes(left);
  const isPattern = right.endsWith(".*") && (operator === "==" || operator === "!=");
  const isVersion = explainVersion(isPattern ? right.slice(0, -2) : right) !== null;
  if (areVersions && isVersion && explainVersion(left) !== null) {
    return satisfies(left, `${operator}${right}`, { prereleases: true });
  }
  switch (operator) {
    case "==":
    case "===":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
    default:
      return undefined;
  }
}
