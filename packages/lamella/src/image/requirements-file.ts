import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileSystemError } from "../files/error.ts";
import { localRequirement } from "./local-requirement.ts";
import { logicalLines, splitOption } from "./requirements-lines.ts";

/** What a requirements file draws in by naming it, each path absolute. */
export interface RequirementsContent {
  /** The file, and those that it includes with `-r` and `-c`, in the order of their first mention. */
  readonly files: readonly { readonly absolute: string; readonly bytes: Uint8Array }[];
  /** Local wheels, archives and projects that a line names. */
  readonly local: readonly string[];
}

const includes: ReadonlySet<string> = new Set(["--requirement", "--constraint"]);

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
    for (const { line } of logicalLines(bytes.toString("utf8"))) {
      if (line.startsWith("-")) {
        const { option, value } = splitOption(line);
        if (includes.has(option) && !isUrl(value)) waiting.push(resolve(folder, value));
        continue;
      }
      const named = localRequirement(line.replace(/\s--hash[=\s].*$/s, ""));
      if (named !== undefined) local.push(resolve(folder, named.path));
    }
  }
  return { files: [...files].map(([absolute, bytes]) => ({ absolute, bytes })), local };
}

function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

function readBytes(absolute: string): Buffer {
  try {
    return readFileSync(absolute);
  } catch (error) {
    throw fileSystemError(absolute, error);
  }
}
