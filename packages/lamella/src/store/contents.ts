import type { Dirent, Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { isNotFound } from "./error.ts";

/** What the store has, by sort. */
export type ContentKind =
  | "blobs"
  | "partial"
  | "memos"
  | "snapshots"
  | "wheels"
  | "caches"
  | "tools";

/** Something in the store that is there or not there as a whole. */
export interface StoreContent {
  readonly kind: ContentKind;
  /** Absolute path of a file or a folder. */
  readonly path: string;
  /** On the disk. */
  readonly bytes: number;
  /** In milliseconds since 1970; exact to an hour (`claim.ts`). */
  readonly lastUsed: number;
}

/** Where they lie: each entry of the folder is one, or each file anywhere below it. */
const places: readonly {
  readonly kind: ContentKind;
  readonly folder: readonly string[];
  readonly each: "entry" | "entry of an entry" | "file" | "folder itself";
}[] = [
  { kind: "blobs", folder: ["blobs", "sha256"], each: "entry" },
  { kind: "partial", folder: ["partial"], each: "entry" },
  { kind: "memos", folder: ["memos"], each: "file" },
  // A folder for each name that ids have (execution/user-namespace.ts).
  { kind: "snapshots", folder: ["snapshots"], each: "entry of an entry" },
  { kind: "wheels", folder: ["built-wheels"], each: "entry" },
  { kind: "caches", folder: ["caches"], each: "entry" },
  { kind: "tools", folder: ["tools"], each: "entry" },
  { kind: "tools", folder: ["uv-cache"], each: "folder itself" },
  { kind: "tools", folder: ["compiled"], each: "folder itself" },
  { kind: "tools", folder: ["stripped-types"], each: "folder itself" },
];

/** All that can be pruned. What is removed meanwhile may be among it or not. */
export async function* storeContents(
  root: string,
  signal?: AbortSignal,
): AsyncGenerator<StoreContent, void, void> {
  for (const { kind, folder, each } of places) {
    const top = join(root, ...folder);
    const paths = pathsIn(top, each);
    for await (const path of paths) {
      signal?.throwIfAborted();
      const stats = await statsOf(path);
      if (!stats) continue;
      const bytes = stats.isDirectory() ? await diskUsage(path, stats) : allocated(stats);
      yield { kind, path, bytes, lastUsed: stats.mtimeMs };
    }
  }
}

async function* pathsIn(
  top: string,
  each: (typeof places)[number]["each"],
): AsyncGenerator<string, void, void> {
  switch (each) {
    case "folder itself":
      yield top;
      break;
    case "file":
      yield* filePaths(top);
      break;
    case "entry":
      yield* entryPaths(top);
      break;
    case "entry of an entry":
      for await (const path of entryPaths(top)) yield* entryPaths(path);
      break;
  }
}

async function* entryPaths(folder: string): AsyncGenerator<string, void, void> {
  for (const { name } of await entriesOf(folder)) yield join(folder, name);
}

async function* filePaths(folder: string): AsyncGenerator<string, void, void> {
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filePaths(path);
    else yield path;
  }
}

/** Bytes on the disk of a folder with all that is in it. */
async function diskUsage(folder: string, stats: Stats): Promise<number> {
  let bytes = allocated(stats);
  for (const { name } of await entriesOf(folder)) {
    const path = join(folder, name);
    const found = await statsOf(path);
    if (found) bytes += found.isDirectory() ? await diskUsage(path, found) : allocated(found);
  }
  return bytes;
}

/** stat(2): `st_blocks` counts units of 512 bytes on every filesystem. */
function allocated({ blocks }: Stats): number {
  return blocks * 512;
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return await readdir(folder, { withFileTypes: true }).catch(orNothing([]));
}

async function statsOf(path: string): Promise<Stats | undefined> {
  return await lstat(path).catch(orNothing(undefined));
}

function orNothing<T>(nothing: T): (error: unknown) => T {
  return (error) => {
    if (isNotFound(error)) return nothing;
    throw error;
  };
}
