import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileSystemError } from "../files/error.ts";

/** A file of a project, with its content. */
export interface ProjectFile {
  /** Absolute path. */
  readonly file: string;
  readonly text: string;
}

/**
 * The nearest file that has one of the names, in `root` and the folders above it up to the repository's top (the first with
 * `.git`); within one folder the first name goes before the others. Raises what {@link fileSystemError} gives.
 */
export function readProjectFile(root: string, names: readonly string[]): ProjectFile | undefined {
  const file = projectFolders(root)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => existsSync(path));
  if (file === undefined) return undefined;
  try {
    return { file, text: readFileSync(file, "utf8") };
  } catch (error) {
    throw fileSystemError(file, error);
  }
}

function projectFolders(root: string): readonly string[] {
  const parent = dirname(root);
  if (root === parent || existsSync(join(root, ".git"))) return [root];
  return [root, ...projectFolders(parent)];
}
