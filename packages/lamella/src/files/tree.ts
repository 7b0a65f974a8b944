import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { compareByteOrder } from "./byte-order.ts";
import { type CanonicalValue, canonicalDigest } from "./canonical.ts";
import type { Digest } from "./digest.ts";
import type { DigestMemo } from "./digest-memo.ts";
import type { FileEntry } from "./entry.ts";
import { FileKindError, fileSystemError } from "./error.ts";
import { verifiedContent } from "./file-content.ts";
import { type FileSnapshot, hashFile } from "./file-digest.ts";
import { defaultIgnoreRules, type IgnoreRules } from "./ignore.ts";
import { runInSlices, runToEnd, type SlicedWork } from "./sliced-work.ts";
import { walk } from "./walk.ts";

/** The content of a folder: what decides what an image made of it holds, and where to read it. */
export interface FileTree {
  /**
   * Of paths, kinds, executable bits, contents and links' targets. Where the folder lies, in which order the disk lists
   * it, its times, owners and other permission bits do not enter.
   */
  readonly digest: Digest;
  /** Sorted by the bytes of their paths' UTF-8, so a folder comes before what is in it. */
  readonly files: readonly TreeFile[];
}

/** `path` is relative to the folder, with `/` between segments. */
export type TreeFile =
  | {
      readonly kind: "file";
      readonly path: string;
      /** Where it is on this machine. */
      readonly absolute: string;
      /** Length in bytes. */
      readonly size: number;
      readonly executable: boolean;
      readonly digest: Digest;
    }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string }
  | { readonly kind: "directory"; readonly path: string };

export interface ReadTreeOptions {
  /** {@link defaultIgnoreRules} if absent. */
  readonly ignore?: IgnoreRules | undefined;
  /** With it, a file that has not changed is not read again. */
  readonly memo?: DigestMemo | undefined;
}

/** A file of a tree that is put together of single files: its path in the tree, and where it is. */
export interface NamedFile {
  readonly path: string;
  readonly absolute: string;
}

/**
 * Reads and hashes the folder `root`, in slices of a few milliseconds.
 *
 * Links are kept as links, also those that point out of the folder: nothing is read through them here, and in the image
 * they mean what they say there. Raises {@link FileKindError}, {@link FileNameError}, {@link MissingFileError},
 * {@link UnreadableFileError}, or {@link FileChangedError} for a file that does not hold still.
 *
 * @example
 * ```ts
 * const { digest, files } = await readTree("src");
 * ```
 */
export function readTree(
  root: string,
  options: ReadTreeOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<FileTree> {
  return runInSlices(treeWork(root, options), options.signal);
}

/** {@link readTree} at once, for the synchronous identifier. */
export function readTreeSync(root: string, options: ReadTreeOptions = {}): FileTree {
  return runToEnd(treeWork(root, options));
}

/**
 * A tree of the named files alone. A link among them stands for the file that it points to.
 *
 * @example
 * ```ts
 * const tree = await readFiles([{ path: "train.py", absolute: "/home/me/train.py" }]);
 * ```
 */
export function readFiles(
  files: readonly NamedFile[],
  options: Omit<ReadTreeOptions, "ignore"> & { readonly signal?: AbortSignal | undefined } = {},
): Promise<FileTree> {
  return runInSlices(filesWork(files, options), options.signal);
}

/** The work of {@link readTree}, to be part of other work. */
export function* treeWork(root: string, options: ReadTreeOptions = {}): SlicedWork<FileTree> {
  const folder = resolve(root);
  requireDirectory(folder);
  const files: TreeFile[] = [];
  for (const found of yield* walk(folder, options.ignore ?? defaultIgnoreRules)) {
    if (found.kind !== "file") {
      files.push(found);
      continue;
    }
    const { path, absolute, stats } = found;
    files.push({
      kind: "file",
      path,
      absolute,
      ...(yield* hashFile(absolute, stats, options.memo)),
    });
    yield;
  }
  return fileTree(files);
}

/** The work of {@link readFiles}, to be part of other work. */
export function* filesWork(
  named: readonly NamedFile[],
  options: Omit<ReadTreeOptions, "ignore"> = {},
): SlicedWork<FileTree> {
  const files: TreeFile[] = [];
  for (const { path, absolute: link } of named) {
    files.push({ kind: "file", path, ...(yield* fileWork(link, options)) });
    yield;
  }
  return fileTree(files);
}

/** The work of hashing one file, which `path` may be a link to. */
export function* fileWork(
  path: string,
  { memo }: Pick<ReadTreeOptions, "memo"> = {},
): SlicedWork<FileSnapshot & { readonly absolute: string }> {
  const { absolute, stats } = followToFile(path);
  return { absolute, ...(yield* hashFile(absolute, stats, memo)) };
}

/**
 * The tree as file entries below the folder `destination` of an image (absolute or relative to the image's root),
 * parents first, `destination` itself among them unless it is the root. Files are 0644 or 0755, folders 0755.
 *
 * Contents stream from disk; one that is no longer what was hashed raises {@link FileChangedError} as it streams.
 *
 * @example
 * ```ts
 * await writeLayer(treeEntries(await readTree("src"), "/app"), sink);
 * ```
 */
export function* treeEntries(
  tree: FileTree,
  destination: string,
  owner: { readonly uid?: number; readonly gid?: number } = {},
): Generator<FileEntry, void, void> {
  const folder = destination.replace(/^\/+|\/+$/g, "");
  const prefix = folder === "" ? "" : `${folder}/`;
  if (folder !== "") yield { kind: "directory", path: folder, mode: 0o755, ...owner };
  for (const file of tree.files) {
    const path = prefix + file.path;
    switch (file.kind) {
      case "file":
        yield {
          kind: "file",
          path,
          mode: file.executable ? 0o755 : 0o644,
          ...owner,
          content: verifiedContent(file),
        };
        break;
      case "symlink":
        yield { kind: "symlink", path, target: file.target, ...owner };
        break;
      case "directory":
        yield { kind: "directory", path, mode: 0o755, ...owner };
        break;
    }
  }
}

function fileTree(files: TreeFile[]): FileTree {
  files.sort((a, b) => compareByteOrder(a.path, b.path));
  return { digest: canonicalDigest(["lamella.tree.v1", files.map(canonicalFile)]), files };
}

function canonicalFile(file: TreeFile): CanonicalValue {
  switch (file.kind) {
    case "file":
      return [file.kind, file.path, file.executable, file.digest];
    case "symlink":
      return [file.kind, file.path, file.target];
    case "directory":
      return [file.kind, file.path];
    default:
      return file satisfies never;
  }
}

function requireDirectory(folder: string): void {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(folder).isDirectory();
  } catch (error) {
    throw fileSystemError(folder, error);
  }
  if (!isDirectory) {
    throw new FileKindError(
      `${folder} is not a folder.`,
      "Name a folder here, or copy it as a file.",
    );
  }
}

function followToFile(link: string): { absolute: string; stats: ReturnType<typeof bigStat> } {
  let absolute: string;
  let stats: ReturnType<typeof bigStat>;
  try {
    absolute = realpathSync(link);
    stats = bigStat(absolute);
  } catch (error) {
    throw fileSystemError(link, error);
  }
  if (!stats.isFile()) {
    throw new FileKindError(`${link} is not a file.`, "Name a file here, or copy it as a folder.");
  }
  return { absolute, stats };
}

function bigStat(path: string) {
  return statSync(path, { bigint: true });
}
