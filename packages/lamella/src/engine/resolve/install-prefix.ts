import type { Outline } from "../../base/outline.ts";
import { resolvePath } from "../../base/placement.ts";
import type { FileEntry } from "../../files/entry.ts";
import type { InstallTarget } from "../../python/install-target.ts";
import { venvEntries } from "../../python/venv.ts";
import { NoPythonError, PythonMismatchError } from "./error.ts";

/** The virtual environment that is made where the base has none. */
export const defaultPrefix = "/opt/venv";

/** Where packages go, and what must be put there first. */
export interface InstallPrefix {
  readonly target: InstallTarget;
  /** The base's own patch release, where it is known: `3.11.2`. */
  readonly version?: string;
  /** The virtual environment itself; empty when the base has it. */
  readonly entries: readonly FileEntry[];
}

/**
 * The base's virtual environment, or a new one over the base's Python. `wanted` is the definition's minor version, if it
 * names one. Raises NoPythonError when the base has no Python, PythonMismatchError when it has another one.
 */
export function installPrefix(
  outline: Outline,
  base: string,
  wanted: string | undefined,
): InstallPrefix {
  const { venv, python: interpreter } = outline;
  const python = venv?.python ?? interpreter?.python;
  if (python === undefined) {
    throw new NoPythonError(
      `The base ${base} has no Python, and the image has Python packages.`,
      "Start from a base with Python (Image.fromDebianBase, or a python:X.Y image as baseImage).",
    );
  }
  if (wanted !== undefined && wanted !== python) {
    throw new PythonMismatchError(
      `The image wants Python ${wanted}, and its base ${base} has Python ${python}.`,
      `Choose a base with Python ${wanted}, or set pythonVersion to "${python}".`,
    );
  }
  const version = interpreter?.python === python ? interpreter.version : undefined;
  const known = version === undefined ? {} : { version };
  if (venv) {
    const { prefix, physicalPrefix } = venv;
    return { target: { python, prefix, physicalPrefix }, ...known, entries: [] };
  }
  if (!interpreter) throw new Error("A Python version without an interpreter.");
  const physicalPrefix = resolvePath(outline, defaultPrefix);
  const target = { python, prefix: defaultPrefix, physicalPrefix };
  const entries = venvEntries({ ...target, interpreter: interpreter.executable, ...known });
  return { target, ...known, entries };
}
