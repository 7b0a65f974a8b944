import { existsSync, readFileSync, type Stats, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/*
 * When something in the store was last used is its modification time: nothing is ever changed in its place, so that time
 * would say nothing else. (Access times are off on many machines, and everybody who makes a backup sets them.)
 */

/** How exactly that is known, in milliseconds: to write it for each use would cost more than it is worth. */
export const useResolution: number = 60 * 60 * 1000;

/** In the store's folder: holds the name of the session that is pruning, as long as it removes things. */
export const pruningFile = "pruning";

/** How long a process that is about to touch what it has looked at may take, in milliseconds. See {@link claim}. */
export const claimGrace = 500;

/**
 * What lies at a path in the store, for somebody who is going to use it: from now on it stays there as long as his session
 * lives. Undefined where there is nothing, or where it may be about to be pruned, which is as good.
 *
 * Whoever prunes announces it and waits for {@link claimGrace}. Everything here is synchronous, so what a process claims
 * without having seen the announcement is touched by then.
 */
export function claim(root: string, path: string): Stats | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || !isStale(stats)) return stats;
  if (isPruned(root)) return undefined;
  return touch(path) ? stats : undefined;
}

/**
 * {@link claim} of a folder that others than Lamella write to, or that cannot be made beside itself: instead of calling it
 * absent while somebody prunes, it waits for him, which takes a second or so. Returns whether the folder is there.
 */
export async function claimFolder(
  root: string,
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<boolean> {
  for (;;) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return false;
    if (!isStale(stats)) return true;
    if (!isPruned(root)) return touch(path);
    await delay(50, undefined, options.signal ? { signal: options.signal } : {});
  }
}

function isStale({ mtimeMs }: Stats): boolean {
  return Date.now() - mtimeMs >= useResolution;
}

/** Whether it was there to be touched. */
function touch(path: string): boolean {
  const now = Date.now() / 1000;
  try {
    utimesSync(path, now, now);
  } catch (error) {
    // Another user's, or on a read-only filesystem: there it is, and whoever prunes may not remove it either.
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
  return true;
}

/** Whether somebody who is alive prunes; what a killed one has left is no announcement. */
function isPruned(root: string): boolean {
  try {
    const session = readFileSync(join(root, pruningFile), "utf8");
    return existsSync(join(root, "sessions", `${session}.lock`));
  } catch {
    return false;
  }
}
