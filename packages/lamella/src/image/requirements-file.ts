import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileSystemError } from "../files/error.ts";
import { localRequirement } from "./local-requirement.ts";

/** What a requirements file draws in by naming it, each path absolute. */
export interface RequirementsContent {
  /** The file, and those that it includes with `-r` and `-c`, in the order of their first mention. */
  readonly files: readonly { readonly absolute: string; readonly bytes: Uint8Array }[];
  /** Local wheels, archives and projects that a line names. */
  readonly local: readonly string[];
}

/** `-r FILE`, `-rFILE`, `--requirement=FILE`, and the same for constraints (pip, "Requirements File Format"). */
const include = /^(?:-r|-c|--requirement|--constraint)(?:\s*=\s*|\s*)(\S.*)$/;

/**
 * Reads a requirements file and all that decides what it means. Includes and paths are relative to the file that names
 * them, as in pip; includes by URL are left to the resolver. Raises the errors of reading files.
 */
export function readRequirementsFile(path: string): RequirementsContent {
  const files = new Map<string, Uint8Array>();
  const local: string[] = [];
  const waiting = [resolve(path)];
  for (let absolute = waiting.shift(); absolute !== undefined; absolute = waiting.shift()) {
    if (files.has(absolute)) continue;
    const bytes = readBytes(absolute);
    files.set(absolute, bytes);
    const folder = dirname(absolute);
    for (const line of logicalLines(bytes.toString("utf8"))) {
      const included = include.exec(line)?.[1];
      if (included !== undefined) {
        if (!/^[a-z]+:\/\//i.test(included)) waiting.push(resolve(folder, included));
        continue;
      }
      const named = line.startsWith("-") ? undefined : localRequirement(line);
      if (named !== undefined) local.push(resolve(folder, named.path));
    }
  }
  return { files: [...files].map(([absolute, bytes]) => ({ absolute, bytes })), local };
}

/** Lines joined at a trailing backslash, without comments (a `#` at the start or after a space) and hash options. */
function logicalLines(text: string): readonly string[] {
  return text
    .replace(/\\\r?\n/g, " ")
    .split(/\r?\n/)
    .map((line) =>
      line
        .replace(/(^|\s)#.*$/, "")
        .replace(/\s--hash[=\s].*$/, "")
        .trim(),
    )
    .filter((line) => line !== "");
}

function readBytes(absolute: string): Buffer {
  try {
    return readFileSync(absolute);
  } catch (error) {
    throw fileSystemError(absolute, error);
  }
}
