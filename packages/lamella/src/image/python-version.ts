import { minSatisfying, validRange } from "@renovatebot/pep440";
import { parse as parseToml, TomlError } from "smol-toml";
import { show } from "./argument.ts";
import { PythonVersionError } from "./error.ts";
import { readProjectFile } from "./project-file.ts";

/** What an image gets when nothing says otherwise. */
export const defaultPythonVersion = "3.12";

/** Candidates for the lowest version that a specifier admits: the first and a late patch release of each minor one. */
const releases = Array.from({ length: 100 }, (_, minor) => [
  `3.${minor}.0`,
  `3.${minor}.999`,
]).flat();

/** Checks a Python minor version: `3.12`. `what` is the call and option. Raises {@link PythonVersionError}. */
export function requirePythonVersion(value: unknown, what: string): string {
  if (typeof value === "string" && /^3\.(0|[1-9]\d?)$/.test(value)) return value;
  // Of the right form, and not a Python 3: how it is written is not what is wrong.
  if (typeof value === "string" && /^\d+\.\d+$/.test(value)) {
    throw new PythonVersionError(
      `${what} is ${show(value)}, and images have a Python 3.`,
      'Name a minor version of Python 3, such as "3.12".',
    );
  }
  throw new PythonVersionError(
    `${what} is ${show(value)}.`,
    'Write the minor version as text: "3.12" (as a number, 3.10 would be 3.1). The patch release is the base\'s.',
  );
}

/** A Python version, and the file that says it. */
export interface StatedPythonVersion {
  readonly version: string;
  /** Absolute path. */
  readonly file: string;
}

/**
 * The Python version that the project around `root` says: the nearest `.python-version`, else the lowest minor version
 * that `requires-python` of the nearest `pyproject.toml` admits. Raises {@link PythonVersionError} for a file that says
 * something else.
 */
export function statedPythonVersion(root: string): StatedPythonVersion | undefined {
  return (
    readStated(root, ".python-version", versionInPin) ??
    readStated(root, "pyproject.toml", versionInProject)
  );
}

/**
 * {@link statedPythonVersion}, or 3.12 for a project that says none. Never asks the machine's own Python: an image is the
 * same on every machine.
 */
export function projectPythonVersion(root: string): string {
  return statedPythonVersion(root)?.version ?? defaultPythonVersion;
}

function readStated(
  root: string,
  name: string,
  read: (text: string, file: string) => string | undefined,
): StatedPythonVersion | undefined {
  const found = readProjectFile(root, [name]);
  const version = found && read(found.text, found.file);
  return found && version !== undefined ? { version, file: found.file } : undefined;
}

/** The first line that is no comment, as pyenv and uv write it: `3.12`, `3.12.4`, `cpython-3.12.4-linux-…`. */
function versionInPin(text: string, file: string): string {
  const line = text
    .split(/\r?\n/)
    .map((each) => each.replace(/#.*/, "").trim())
    .find((each) => each !== "");
  const version = /^(?:(?:c?python)[-@]?)?(3\.\d{1,2})(?![\d])/i.exec(line ?? "")?.[1];
  if (version !== undefined) return requirePythonVersion(version, file);
  throw new PythonVersionError(
    `${file} does not say a minor version of Python: ${show(line ?? "")}.`,
    'Write one there, such as 3.12, or give { pythonVersion: "3.12" }.',
  );
}

function versionInProject(text: string, file: string): string | undefined {
  let project: unknown;
  try {
    ({ project } = parseToml(text));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new PythonVersionError(
      `${file}:${error.line}:${error.column} is not TOML: ${error.message.split("\n", 1)[0]}.`,
      'Mend it, or give { pythonVersion: "3.12" }.',
      { cause: error },
    );
  }
  if (typeof project !== "object" || project === null || !("requires-python" in project)) {
    return undefined;
  }
  return lowestPython(project["requires-python"], file);
}

/**
 * The lowest minor version that a `requires-python` admits; undefined for one without a lower bound. `file` is where it
 * stands. Raises {@link PythonVersionError} for what is no version specifier.
 */
export function lowestPython(specifier: unknown, file: string): string | undefined {
  if (typeof specifier !== "string" || !validRange(specifier)) {
    throw new PythonVersionError(
      `requires-python in ${file} is no version specifier: ${show(specifier)}.`,
      'Write it as in ">=3.11", or give { pythonVersion: "3.12" }.',
    );
  }
  const named = specifier.match(/3(?:\.\d+)+/g) ?? [];
  const lowest = minSatisfying([...releases, ...named], specifier);
  // A specifier that admits 3.0 has no lower bound worth the name.
  const version = /^3\.\d+/.exec(lowest ?? "")?.[0];
  return version === undefined || version === "3.0" ? undefined : version;
}
