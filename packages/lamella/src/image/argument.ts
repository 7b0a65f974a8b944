import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { DefinitionError } from "./error.ts";

/**
 * Checks of what a definition file passes. Its types are erased and not checked when it is loaded, so anything may come:
 * each check names the call and the argument in its error. `what` is both, as in `withWorkdir: the path`.
 */

/** Text that can stand in a file name, a config or a command line: not empty, without NUL, well-formed Unicode. */
export function requireText(value: unknown, what: string): string {
  if (typeof value !== "string") throw notText(value, what);
  if (value === "") throw new DefinitionError(`${what} is empty.`, "Leave it out, or give it.");
  return requireCleanText(value, what);
}

/** Text that may be empty. */
export function requireCleanText(value: unknown, what: string): string {
  if (typeof value !== "string") throw notText(value, what);
  if (value.includes("\0")) {
    throw new DefinitionError(`${what} has a NUL character: ${show(value)}.`, "Take it out.");
  }
  if (!value.isWellFormed()) {
    throw new DefinitionError(
      `${what} has half of a surrogate pair, which is no character: ${show(value)}.`,
      "Take it out: it often comes from cutting a string in the middle of an emoji.",
    );
  }
  return value;
}

/** A path on this machine, as text or as a `file:` URL. */
export function requirePath(value: unknown, what: string): string {
  if (!(value instanceof URL)) return requireText(value, what);
  if (value.protocol !== "file:") {
    throw new DefinitionError(`${what} is not a file: ${value.protocol}//…`, "Give a local path.");
  }
  return requireText(fileURLToPath(value), what);
}

export function requireBoolean(value: unknown, what: string): boolean {
  if (typeof value === "boolean") return value;
  throw new DefinitionError(`${what} is ${show(value)}.`, "Give true or false.");
}

/** A list of texts; a list inside it is an error. `each` says what one of them is, as in `withPipPackages: a package`. */
export function requireTextList(value: unknown, what: string, each: string): readonly string[] {
  if (!isUnknownList(value)) {
    throw new DefinitionError(`${what} is ${show(value)}, not a list.`, "Give a list of texts.");
  }
  return value.map((item) => requireText(item, each));
}

/** An options object with none but the known options. What is `undefined` counts as absent. */
export function requireOptions<Name extends string>(
  value: unknown,
  call: string,
  known: readonly Name[],
): { readonly [name in Name]?: unknown } {
  if (value === undefined) return {};
  if (!isOptions(value)) {
    throw new DefinitionError(
      `${call}: the options are ${show(value)}.`,
      `Give an object: { ${known.join(", ")} }.`,
    );
  }
  const given = Object.entries(value).filter(([, option]) => option !== undefined);
  for (const [name] of given) {
    if (!known.includes(name as Name)) {
      throw new DefinitionError(
        `${call} has no option ${show(name)}.`,
        `Its options are ${known.join(", ")}.`,
      );
    }
  }
  return Object.fromEntries(given) as { readonly [name in Name]?: unknown };
}

/**
 * Takes the arguments of a call that is `call(...texts, options?)` or `call(texts, options?)` apart.
 * `each` says what one text is.
 */
export function splitTexts(
  args: readonly unknown[],
  call: string,
  each: string,
): { readonly texts: readonly string[]; readonly options: unknown } {
  const [first] = args;
  if (isUnknownList(first)) {
    if (args.length > 2) {
      throw new DefinitionError(
        `${call}: a list is followed by ${args.length - 1} more arguments.`,
        "Give either one list, or everything one by one; then the options.",
      );
    }
    return { texts: requireTextList(first, `${call}: the list`, each), options: args[1] };
  }
  const last = args.at(-1);
  // A lone `undefined` is no list of options but a package that is not there, as from a misspelt property.
  const hasOptions = isOptions(last) || (last === undefined && args.length > 1);
  const texts = hasOptions ? args.slice(0, -1) : args;
  return {
    texts: texts.map((text) => requireText(text, each)),
    options: hasOptions ? last : undefined,
  };
}

/** A value as an error message shows it: short, on one line. */
export function show(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : inspect(value, { depth: 1 });
  const line = text.replace(/\s*\n\s*/g, " ");
  return line.length > 120 ? `${line.slice(0, 117)}...` : line;
}

function notText(value: unknown, what: string): DefinitionError {
  return isUnknownList(value)
    ? new DefinitionError(
        `${what} is a list: ${show(value)}.`,
        "A list inside a list is not taken: spread it with ... to give its members one by one.",
      )
    : new DefinitionError(`${what} is ${show(value)}, not text.`, "Give a string.");
}

function isUnknownList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isOptions(value: unknown): value is object {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof URL)
  );
}
