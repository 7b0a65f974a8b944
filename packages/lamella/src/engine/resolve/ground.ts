import type { Outline } from "../../base/outline.ts";
import { parentEntries, resolvePath, withEntries } from "../../base/placement.ts";
import { addUser } from "../../base/users.ts";
import type { Directory, FileEntry } from "../../files/entry.ts";
import type { UserDefinition } from "../../image/definition.ts";
import type { InstallPrefix } from "./install-prefix.ts";

/** Who owns files in the image, by number. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What the packages and files of a definition stand on: the base, and a layer of small things above it. */
export interface Ground {
  /** Of that layer; empty when the base needs nothing. */
  readonly entries: readonly FileEntry[];
  /** The base's outline with that layer on it. */
  readonly outline: Outline;
  /** Who owns what the definition copies. */
  readonly owner: Owner;
}

export interface GroundOptions {
  /** A user to add, who owns what is copied. */
  readonly user?: UserDefinition | undefined;
  /** Who owns it otherwise. */
  readonly owner: Owner;
  /** Where packages go. */
  readonly prefix?: InstallPrefix | undefined;
  /** Absolute paths. */
  readonly workdirs: readonly string[];
}

/**
 * Prepares the ground: the user that the definition adds, the virtual environment where the base has none, and the
 * working directories that a definition names. Made as files: nothing executes.
 */
export function prepareGround(
  base: Outline,
  { user, prefix, workdirs, ...options }: GroundOptions,
): Ground {
  const added = user && addUser(base, user);
  const owner = added ? { uid: added.uid, gid: added.gid } : options.owner;
  const accounts = added?.entries ?? [];
  let outline = withEntries(base, accounts);
  const venv = withoutDirectoriesOf(outline, prefix?.entries ?? []);
  const folders = newDirectories(outline, workdirs, owner);
  outline = withEntries(outline, [...venv, ...folders]);
  return {
    entries: inOrder(outline, [...accounts, ...venv, ...folders]),
    outline,
    owner,
  };
}

/** The base's directories stay as they are: a virtual environment names those above it as root's, 0755. */
function withoutDirectoriesOf(outline: Outline, entries: readonly FileEntry[]): FileEntry[] {
  return entries.filter(({ kind, path }) => kind !== "directory" || !outline.directories.has(path));
}

/** The directories that are not there yet, as `WORKDIR` makes them, for the owner. */
function newDirectories(outline: Outline, paths: readonly string[], owner: Owner): Directory[] {
  return paths
    .map((path) => resolvePath(outline, path))
    .filter((path) => path !== "" && !outline.directories.has(path))
    .map((path) => ({ kind: "directory", path, mode: 0o755, ...owner }));
}

/** Each path once, with all the directories above it as the outline has them: parents before children. */
function inOrder(outline: Outline, entries: readonly FileEntry[]): FileEntry[] {
  const byPath = new Map<string, FileEntry>(entries.map((entry) => [entry.path, entry]));
  const paths = entries.map(({ kind, path }) => (kind === "directory" ? `${path}/` : path));
  for (const directory of parentEntries(outline, paths)) byPath.set(directory.path, directory);
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
