import type { Stats } from "node:fs";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Snapshot } from "./snapshot.ts";

/** What a stack of snapshots shows at a path. */
export interface StackEntry {
  /** Absolute path on this machine. None of its parents within the snapshot is a link. */
  readonly path: string;
  readonly stats: Stats;
}

/**
 * Looks a path up in snapshots (lowest first) as overlayfs would merge them, without a mount. No link is followed, since
 * it would lead out on this machine; what lies behind one is not found. Of a directory it gives the entry whose mode and
 * owner count: that of the highest layer which speaks of the directory itself.
 */
export async function lookup(
  stack: readonly Snapshot[],
  path: string,
): Promise<StackEntry | undefined> {
  for (const snapshot of stack.toReversed()) {
    const found = await lookupIn(snapshot, path);
    if (found === "hidden") return undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The content of a regular file, or undefined. Files above 1 MiB are none of those that are looked for here. */
export async function readStackFile(
  stack: readonly Snapshot[],
  path: string,
): Promise<string | undefined> {
  const entry = await lookup(stack, path);
  if (entry === undefined || !entry.stats.isFile() || entry.stats.size > 1024 * 1024)
    return undefined;
  return await readFile(entry.path, "utf8");
}

/** `hidden`: this layer says that the layers below have nothing to tell about the path. */
async function lookupIn(
  { path: root, implied, opaque }: Snapshot,
  path: string,
): Promise<StackEntry | "hidden" | undefined> {
  let hides = opaque.includes("");
  let current = "";
  for (const segment of path === "" ? [] : path.split("/")) {
    current = current === "" ? segment : `${current}/${segment}`;
    const stats = await lstatIfThere(join(root, current));
    if (stats === undefined) return hides ? "hidden" : undefined;
    if (!stats.isDirectory()) {
      // A file, a link or a whiteout: nothing below this layer shows through.
      const isWhiteout = stats.isCharacterDevice() && stats.rdev === 0;
      return current === path && !isWhiteout ? { path: join(root, current), stats } : "hidden";
    }
    hides ||= opaque.includes(current);
  }
  if (implied.includes(path)) return hides ? "hidden" : undefined;
  return { path: join(root, path), stats: await lstat(join(root, path)) };
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  return await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
