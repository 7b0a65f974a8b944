import { type BigIntStats, type Dirent, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { FileChangedError, FileKindError, FileNameError, fileSystemError } from "./error.ts";
import type { IgnoreRules } from "./ignore.ts";
import type { SlicedWork } from "./sliced-work.ts";

/** What a folder holds. `path` is relative to it; `absolute` is where it is on this machine. */
export type WalkedFile =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly absolute: string;
      readonly stats: BigIntStats;
    }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string }
  | { readonly kind: "directory"; readonly path: string };

/**
 * Everything in the folder `root` (a link to a folder will do) that `ignore` does not leave out, in no particular order.
 *
 * - A folder is listed when it is empty or when something in it is listed. One that holds nothing but ignored files is
 *   not, unless the rules say so: it is often what a version control system leaves behind, and is not there on another
 *   machine.
 * - Links are not followed, wherever they point: their text is kept, and means in the image what it says there.
 * - Sockets, pipes and devices raise {@link FileKindError}, names that are not UTF-8 {@link FileNameError}.
 */
export function* walk(root: string, ignore: IgnoreRules): SlicedWork<readonly WalkedFile[]> {
  const found: WalkedFile[] = [];
  yield* walkDirectory(root, "", ignore, found);
  return found;
}

/** Returns whether the directory is empty on disk. */
function* walkDirectory(
  directory: string,
  prefix: string,
  ignore: IgnoreRules,
  found: WalkedFile[],
): SlicedWork<boolean> {
  const children = readDirectory(directory);
  for (const child of children) {
    yield;
    const path = prefix + child.name;
    const absolute = `${directory}/${child.name}`;
    const ignored = ignore.ignores(path, child.isDirectory());
    if (child.isDirectory()) {
      if (ignored && !ignore.mayKeepInside(path)) continue;
      const before = found.length;
      const empty = yield* walkDirectory(absolute, `${path}/`, ignore, found);
      const isKept = !ignored && (empty || ignore.keepsEmptied);
      if (isKept || found.length > before) found.push({ kind: "directory", path });
    } else if (!ignored) {
      found.push(lookAt(path, absolute));
    }
  }
  return children.length === 0;
}

function lookAt(path: string, absolute: string): WalkedFile {
  try {
    const stats = lstatSync(absolute, { bigint: true });
    if (stats.isFile()) return { kind: "file", path, absolute, stats };
    if (stats.isSymbolicLink()) return { kind: "symlink", path, target: readTarget(absolute) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new FileChangedError(absolute, { cause: error });
    }
    throw fileSystemError(absolute, error);
  }
  throw new FileKindError(
    `${absolute} is neither a file, a folder nor a link (a socket, pipe or device?): an image cannot hold it.`,
    "Remove it, or move it out of the folder.",
  );
}

function readDirectory(directory: string): readonly Dirent[] {
  try {
    const children = readdirSync(directory, { withFileTypes: true });
    // U+FFFD is what Node puts in place of bytes that are not UTF-8: only then the raw bytes are looked at.
    if (children.some((child) => child.name.includes("\uFFFD"))) {
      for (const name of readdirSync(directory, "buffer")) requireUtf8(name, directory);
    }
    return children;
  } catch (error) {
    throw fileSystemError(directory, error);
  }
}

function readTarget(absolute: string): string {
  return requireUtf8(readlinkSync(absolute, "buffer"), absolute);
}

function requireUtf8(bytes: Buffer, where: string): string {
  const text = bytes.toString("utf8");
  if (!Buffer.from(text).equals(bytes)) {
    throw new FileNameError(
      `${JSON.stringify(text)} in ${where} is not UTF-8.`,
      "Rename the file, or leave it out of the folder.",
    );
  }
  return text;
}
