import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { LamellaError } from "../../error.ts";
import { DefinitionFileError, type SourcePosition } from "../error.ts";
import { meantMethod } from "./meant-method.ts";
import type { MissingModule, ModuleRecord } from "./module-hooks.ts";
import { isOwnFile } from "./own-modules.ts";

/** Where messages are read: paths below `cwd` are shown relative to it. */
interface Reader {
  readonly cwd: string;
}

/**
 * Says what is wrong with a definition file, and where, from what was thrown while Node loaded it: types that cannot
 * be erased, an import of something that is not there, a mistake in the syntax, or an error of the code's own.
 */
export function explainFailure(
  error: unknown,
  file: string,
  record: ModuleRecord,
  reader: Reader,
): DefinitionFileError {
  if (!(error instanceof Error)) {
    const where = { file };
    const message = `${at(where, reader)} threw ${inspect(error)}.`;
    return new DefinitionFileError(where, message, ownError, { cause: error });
  }
  const missing = record.missing.get(error);
  if (missing) return missingModule(error, missing, reader);
  const unstripped = record.unstripped.get(error);
  if (unstripped !== undefined) return unstrippableFile(error, unstripped, reader);
  if (error instanceof SyntaxError) {
    const where = headPosition(error) ?? checkedPosition(record);
    if (where) return syntaxMistake(error, where, reader);
  }
  return thrownError(error, throwPosition(error) ?? { file }, reader);
}

const ownError = "That is the file's own error: mend it there. --debug shows the whole stack.";
const correct = "Correct the file there.";

function at({ file, line, column }: SourcePosition, { cwd }: Reader): string {
  const path = relative(cwd, file);
  const shown = path === "" || path.startsWith("..") ? file : path;
  return [shown, line, column].filter((part) => part !== undefined).join(":");
}

function missingModule(
  error: Error,
  { specifier, importer }: MissingModule,
  reader: Reader,
): DefinitionFileError {
  const file = fileURLToPath(importer);
  const where = { file, ...lineOf(specifier, file) };
  const quoted = JSON.stringify(specifier);
  const hint = /^\.{0,2}\//.test(specifier)
    ? "The path is relative to the file that imports it."
    : `A definition can import "lamella", files beside it, Node's own modules, and packages installed where it lies: npm install ${specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/")}`;
  return new DefinitionFileError(
    where,
    `${at(where, reader)} imports ${quoted}, which is not there.`,
    hint,
    {
      cause: error,
    },
  );
}

/** The first line of a file that has a text in quotes. */
function lineOf(specifier: string, file: string): { readonly line?: number } {
  const lines = readFileSync(file, "utf8").split("\n");
  const index = lines.findIndex((line) =>
    [`"${specifier}"`, `'${specifier}'`].some((s) => line.includes(s)),
  );
  return index < 0 ? {} : { line: index + 1 };
}

const erasable =
  "Types are erased before the file runs, so what would need code to be generated cannot be used.";

// What Node's parser calls the syntax that has no meaning without types, and what to write instead.
const instead: readonly (readonly [RegExp, string])[] = [
  [
    /enum/,
    'Use a union of strings (type Size = "small" | "large") or a constant object instead of an enum.',
  ],
  [/parameter property/, "Declare the field in the class, and assign it in the constructor."],
  [/namespace|module/, "Use a module of its own (a file) instead of a namespace."],
  [/import equals|import =|export =/, 'Use import … from "…", or require, and export default.'],
];

function unstrippableFile(error: Error, file: string, reader: Reader): DefinitionFileError {
  const where = { file, ...mistakeIn(file, error, error.message) };
  const unsupported = "code" in error && error.code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX";
  const advice = instead.find(([sign]) => sign.test(error.message))?.[1];
  return new DefinitionFileError(
    where,
    `${at(where, reader)}: ${sentence(error.message.replace(" in strip-only mode", ""))}`,
    unsupported ? [erasable, advice].filter(Boolean).join("\n") : correct,
    { cause: error },
  );
}

/** What Node puts before an error of a parser: `:LINE`, some lines up to that one, and marks below the mistake. */
function headLine(error: Error): { readonly line?: number; readonly column?: number } {
  const [, line, marks] =
    /^[^\n]*?:(\d+)\n(?:[^\n]*\n)*?([^\S\n]*)\^/.exec(error.stack ?? "") ?? [];
  return line === undefined ? {} : { line: Number(line), column: (marks ?? "").length + 1 };
}

/** Where a parser stopped. For what is missing at a file's end it names no line: that is the last one with anything. */
function mistakeIn(file: string, report: Error, message: string): Partial<SourcePosition> {
  const head = headLine(report);
  if (head.line !== undefined || !/<eof>|end of input/.test(message)) return head;
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return { line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
}

/** The position at the head of a stack, where Node names the file too. */
function headPosition(error: Error): SourcePosition | undefined {
  const [, name] = /^((?:file:\/\/)?\/[^\n]*):\d+\n/.exec(error.stack ?? "") ?? [];
  if (name === undefined) return undefined;
  const file = toPath(name);
  return { file, ...mistakeIn(file, error, error.message) };
}

/**
 * Finds a mistake that Node reports without saying where (a name that is declared twice, in a module): each module
 * that was loaded is parsed once more, by a Node that says it.
 */
function checkedPosition({ sources }: ModuleRecord): SourcePosition | undefined {
  for (const [url, input] of sources) {
    const { status, stderr } = spawnSync(
      process.execPath,
      ["--check", "--input-type=module", "-"],
      {
        input,
        encoding: "utf8",
      },
    );
    if (status === 0) continue;
    const report = new Error("the report of the check");
    report.stack = stderr;
    const file = fileURLToPath(url);
    return { file, ...mistakeIn(file, report, stderr) };
  }
  return undefined;
}

function syntaxMistake(
  error: SyntaxError,
  where: SourcePosition,
  reader: Reader,
): DefinitionFileError {
  const [message = ""] = error.message.split("\n");
  const name = /does not provide an export named '(.+)'/.exec(message)?.[1];
  const hint =
    name === undefined
      ? correct
      : `If ${name} is a type, write: import type { ${name} } from "…". Types are erased before the file runs, and an import that is not marked as one is looked for then.`;
  return new DefinitionFileError(where, `${at(where, reader)}: ${sentence(message)}`, hint, {
    cause: error,
  });
}

/** The innermost call that is the user's. */
function throwPosition(error: Error): SourcePosition | undefined {
  for (const frame of (error.stack ?? "").split("\n")) {
    const [, name, line, column] =
      /^\s+at (?:.*\()?(?:async )?((?:file:\/\/)?\/[^()]*?):(\d+):(\d+)\)?$/.exec(frame) ?? [];
    if (name === undefined || name.includes("/node_modules/")) continue;
    const file = toPath(name);
    if (!isOwnFile(file)) return { file, line: Number(line), column: Number(column) };
  }
  return undefined;
}

function thrownError(error: Error, where: SourcePosition, reader: Reader): DefinitionFileError {
  if (error instanceof LamellaError) {
    const { code, hint, message } = error;
    return new DefinitionFileError(where, `${at(where, reader)}: ${message}`, hint, {
      cause: error,
      code,
    });
  }
  const message = `${at(where, reader)} threw ${error.name}: ${sentence(error.message)}`;
  const method = error instanceof TypeError ? meantMethod(error.message) : undefined;
  const hint = method === undefined ? ownError : `Did you mean ${method}? ${ownError}`;
  return new DefinitionFileError(where, message, hint, { cause: error });
}

function toPath(name: string): string {
  return name.startsWith("file:") ? fileURLToPath(name) : name;
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
