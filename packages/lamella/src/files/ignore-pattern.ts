import { InvalidIgnorePatternError } from "./error.ts";

/** Whether a path, relative and with `/` between segments, is one that a pattern is for. */
export type PathMatcher = (path: string) => boolean;

/**
 * A pattern of a `.dockerignore` file, cleaned: `*` and `?` stand for what a name may have, `[a-z]` for one character,
 * `\` for the next character itself, and `**` for any number of folders.
 *
 * Docker translates a pattern into a regular expression of Go's and takes short cuts for the simplest; so do we, since
 * what people have written relies on both. `**name` without another special character matches every name that ends so;
 * a special character inside brackets keeps its meaning there. Raises {@link InvalidIgnorePatternError}.
 */
export function ignorePattern(pattern: string, where: string): PathMatcher {
  requireSyntax(pattern, where);
  if (isPlain(pattern)) return (path) => path === pattern;
  if (pattern.endsWith("**") && isPlain(pattern.slice(0, -2))) {
    const prefix = pattern.slice(0, -2);
    return (path) => path.startsWith(prefix);
  }
  if (pattern.startsWith("**") && isPlain(pattern.slice(2))) {
    const suffix = pattern.slice(2);
    return (path) => path.endsWith(suffix) || `/${path}` === suffix;
  }
  const expression = regularExpression(pattern, where);
  return (path) => expression.test(path);
}

/** Whether nothing in it has a meaning. */
function isPlain(text: string): boolean {
  return !/[*?[\]\\]/.test(text);
}

/** Go's expression for a pattern, as JavaScript has it. */
function regularExpression(pattern: string, where: string): RegExp {
  try {
    return new RegExp(javaScript(goExpression(pattern)), "u");
  } catch (error) {
    throw invalid(pattern, where, error);
  }
}

/** What a pattern stands for without any meaning in it, though Go's expressions would give it one. */
const literal = /[.+()|{}$]/;

function goExpression(pattern: string): string {
  const characters = Array.from(pattern);
  let expression = "^";
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string;
    if (character === "*" && characters[at + 1] === "*") {
      at += characters[at + 2] === "/" ? 2 : 1;
      expression += at + 1 === characters.length ? ".*" : "(.*/)?";
    } else if (character === "*") expression += "[^/]*";
    else if (character === "?") expression += "[^/]";
    else if (literal.test(character)) expression += `\\${character}`;
    else if (character === "\\") expression += `\\${characters[++at]}`;
    else expression += character;
  }
  return `${expression}$`;
}

/** The same expression in JavaScript's spelling, which escapes more and knows no bracket that stands for itself. */
function javaScript(expression: string): string {
  const characters = Array.from(expression);
  let result = "";
  let inClass = false;
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string;
    if (character === "\\") result += escaped(characters[++at] as string);
    else if (inClass) {
      if (character === "[" && characters[at + 1] === ":") throw new Error("a class by name");
      if (character === "]") inClass = false;
      result += character === "[" ? "\\[" : character;
    } else if (character === "[") {
      inClass = true;
      result += characters[at + 1] === "^" ? "[^" : "[";
      if (characters[at + 1] === "^") at++;
      if (characters[at + 1] === "]") {
        result += "\\]";
        at++;
      }
    } else if (character === ".") result += "[^\\n]";
    else result += character === "]" ? "\\]" : character;
  }
  return result;
}

/** A character that stands for itself. Letters and digits would not, and Go refuses what is not ASCII. */
function escaped(character: string): string {
  if (/[^\0-\x7f]|[A-Za-z0-9]/.test(character)) throw new Error(`a backslash before ${character}`);
  return /[\^$\\.*+?()[\]{}|/-]/.test(character) ? `\\${character}` : character;
}

/** What Go's `filepath.Match` refuses: brackets that do not close, hold nothing or half a range, a backslash at the end. */
function requireSyntax(pattern: string, where: string): void {
  const member = String.raw`(?:\\[^]|[^\\\]-])`;
  const brackets = String.raw`\[\^?(?:${member}(?:-${member})?)+\]`;
  const whole = new RegExp(String.raw`^(?:[^\\[]|\\[^]|${brackets})*$`, "u");
  if (!whole.test(pattern)) throw invalid(pattern, where);
}

function invalid(pattern: string, where: string, cause?: unknown): InvalidIgnorePatternError {
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return new InvalidIgnorePatternError(
    `${where}: ${JSON.stringify(pattern)} is no pattern that Docker reads${why}.`,
    'Close each "[", and put a backslash only before a character that would mean something else, as in "\\*".',
    cause === undefined ? {} : { cause },
  );
}
