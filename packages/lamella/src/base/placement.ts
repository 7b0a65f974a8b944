import type { Directory, FileEntry } from "../files/entry.ts";
import { type Attributes, plainDirectory, sameAttributes } from "./attributes.ts";
import { PlacementError } from "./error.ts";
import { dirname, followLinks, parentsOf } from "./links.ts";
import type { Outline } from "./outline.ts";

/**
 * Where a path of the image lies once the base's links are followed, relative to the root: `/bin/tool` is `usr/bin/tool`
 * where `/bin` is a link to `usr/bin`. Walks as the kernel does in a container: a link to `../..` ends at the root. What
 * does not exist is kept as it is named. Raises LinkLoopError.
 */
export function resolvePath(outline: Outline, path: string): string {
  return followLinks(path, (physical) => outline.links.get(physical));
}

/**
 * The directories above physical paths, each once and with the base's mode and owner (root's, 0755, where the base has
 * none), parents before children. A layer must name them: Docker makes directories that it does not name root's, 0755.
 */
export function parentEntries(outline: Outline, paths: Iterable<string>): Directory[] {
  const parents = new Set<string>();
  for (const path of paths) for (const parent of parentsOf(path)) parents.add(parent);
  return [...parents].sort().map((path) => directoryEntry(outline, path));
}

/**
 * Those of {@link parentEntries} that are not root's, 0755. Wheel layers name all their parents so and stay pure; a layer
 * of these on top of them says again what the base says.
 */
export function restoredParents(outline: Outline, paths: Iterable<string>): Directory[] {
  return parentEntries(outline, paths).filter((entry) =>
    isUnlike(outline.directories.get(entry.path)),
  );
}

function isUnlike(attributes: Attributes | undefined): boolean {
  return attributes !== undefined && !sameAttributes(attributes, plainDirectory);
}

/**
 * Puts entries where the base's links lead, with their parents' entries before them, so that a layer of them leaves the
 * base intact:
 *
 * - A directory of the base keeps its mode and owner, whatever its entry says. One that is a link is followed.
 * - A file, or a link, takes the place of a file; and of a link that leads to no directory, as Docker's COPY does.
 * - A file or a link never takes the place of a directory, nor of a link to one: PlacementError. A link with the same
 *   text is let pass.
 *
 * A directory's entry must come before what is in it. That a regular file of the base is in a directory's place is not
 * known to the outline and not noticed: the directory replaces it.
 */
export async function* place(
  outline: Outline,
  entries: Iterable<FileEntry> | AsyncIterable<FileEntry>,
): AsyncGenerator<FileEntry, void, void> {
  const linkAt = (physical: string): string | undefined => outline.links.get(physical);
  const named = new Set<string>();
  for await (const entry of entries) {
    const path = followLinks(entry.path, linkAt, entry.kind === "directory" ? "followed" : "kept");
    if (path === "" || (entry.kind === "directory" && named.has(path))) continue;
    for (const parent of parentsOf(path)) {
      if (named.has(parent)) continue;
      named.add(parent);
      yield directoryEntry(outline, parent);
    }
    switch (entry.kind) {
      case "directory":
        named.add(path);
        yield outline.directories.has(path) ? directoryEntry(outline, path) : { ...entry, path };
        break;
      case "file":
      case "symlink":
        checkCovering(outline, entry, path);
        yield { ...entry, path };
        break;
      case "whiteout":
        yield { ...entry, path };
    }
  }
}

function checkCovering(outline: Outline, entry: FileEntry, path: string): void {
  const link = outline.links.get(path);
  if (link !== undefined && entry.kind === "symlink" && entry.target === link) return;
  const covered = link === undefined ? path : resolvePath(outline, path);
  if (!outline.directories.has(covered) && covered !== "") return;
  const what = link === undefined ? "a directory" : `a link to the directory /${covered}`;
  throw new PlacementError(
    `Cannot put a ${entry.kind === "file" ? "file" : "symbolic link"} at /${entry.path}: the base has ${what} there.`,
    "Choose another destination, or rename the file.",
  );
}

function directoryEntry(outline: Outline, path: string): Directory {
  const { mode, uid, gid } = outline.directories.get(path) ?? plainDirectory;
  return { kind: "directory", path, mode, uid, gid };
}

/**
 * The outline once a layer of these entries, at physical paths, is on the base. What is put on top of that layer is to be
 * placed by it: a home that was given to a user stays the user's.
 */
export function withEntries(outline: Outline, entries: Iterable<FileEntry>): Outline {
  const directories = new Map(outline.directories);
  const links = new Map(outline.links);
  const venvFiles = new Set(outline.venvFiles);
  const accounts = new Map<string, string>();
  const venv = outline.venv?.physicalPrefix;
  const forget = (path: string): void => {
    links.delete(path);
    venvFiles.delete(path);
    if (!directories.delete(path)) return;
    const below = `${path}/`;
    for (const paths of [directories, links, venvFiles]) {
      for (const candidate of paths.keys()) {
        if (candidate.startsWith(below)) paths.delete(candidate);
      }
    }
  };
  for (const entry of entries) {
    const { path } = entry;
    if (entry.kind === "directory") {
      links.delete(path);
      const { mode, uid = 0, gid = 0 } = entry;
      directories.set(path, { mode, uid, gid });
    } else {
      forget(path);
    }
    if (entry.kind === "whiteout") continue;
    for (const parent of parentsOf(path)) {
      if (!directories.has(parent)) directories.set(parent, plainDirectory);
    }
    if (entry.kind === "symlink") links.set(path, entry.target);
    if (entry.kind !== "directory" && venv !== undefined && path.startsWith(`${venv}/`)) {
      venvFiles.add(path);
    }
    if (
      entry.kind === "file" &&
      dirname(path) === "etc" &&
      entry.content.encoding === "identity" &&
      entry.content.data instanceof Uint8Array
    ) {
      accounts.set(path, new TextDecoder().decode(entry.content.data));
    }
  }
  const account = (name: "passwd" | "group" | "shadow" | "gshadow"): Partial<Outline> => {
    const text = accounts.get(`etc/${name}`);
    return text === undefined
      ? {}
      : { [name]: { mode: 0o644, uid: 0, gid: 0, ...outline[name], text } };
  };
  return {
    ...outline,
    directories,
    links,
    venvFiles,
    ...account("passwd"),
    ...account("group"),
    ...account("shadow"),
    ...account("gshadow"),
  };
}
