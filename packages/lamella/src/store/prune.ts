import { lstat, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { tryLockFile } from "../files/file-lock.ts";
import { claimGrace, pruningFile, useResolution } from "./claim.ts";
import { type ContentKind, type StoreContent, storeContents } from "./contents.ts";
import { isNotFound, withStoreFaults } from "./error.ts";
import { acquireLock, lockPath } from "./lock.ts";
import { otherSessionsSince } from "./session.ts";
import type { Store } from "./store.ts";

/** Options of {@link prune}. With neither limit, everything goes that nobody uses now. */
export interface PruneOptions {
  /** What was not used for longer than this goes. In milliseconds; uses are known to the hour. */
  readonly olderThan?: number;
  /** What was not used for the longest time goes, until what is left has at most so many bytes on the disk. */
  readonly maxSize?: number;
  /** Remove nothing, and say what would go. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** How many, and how much on the disk. */
export interface Amount {
  readonly count: number;
  readonly bytes: number;
}

/** What was pruned. */
export interface PruneReport {
  readonly removed: Readonly<Record<ContentKind, Amount>>;
  readonly kept: Amount;
  /** Of those kept: what would have gone, if no running command could be using it. */
  readonly inUse: Amount;
}

/**
 * Removes what the options say from a store. What a running command has found or made in it stays: all that was used
 * since the oldest of them began. Running commands, in this process too, neither wait nor fail; what is pruned is fetched
 * or made again by who needs it next. One process prunes at a time, and others wait.
 *
 * Whatever moment it is killed at, nothing is half there: files go at once, and folders are renamed away first.
 */
export async function prune(store: Store, options: PruneOptions = {}): Promise<PruneReport> {
  const { dryRun = false, signal } = options;
  await using _ = await acquireLock(store, "prune", { signal });
  await using scratch = await store.scratch("prune");
  const session = basename(dirname(scratch.path));
  const contents = await withStoreFaults(store.root, () =>
    Array.fromAsync(storeContents(store.root, signal)),
  );
  await using announced = dryRun ? undefined : await announce(store, session, signal);
  const usedSince = await otherSessionsSince(store.path("sessions"), session);
  const removed = emptyAmounts();
  let inUse: Amount = { count: 0, bytes: 0 };
  const all = contents.reduce(add, { count: 0, bytes: 0 });
  const gone: StoreContent[] = [];
  const trash: string[] = [];
  for (const content of outdated(contents, options, all.bytes)) {
    signal?.throwIfAborted();
    if (content.lastUsed >= usedSince - useResolution) {
      inUse = add(inUse, content);
      continue;
    }
    const goes = (): Promise<boolean> => remove(content, store, scratch.path, trash);
    if (!dryRun && !(await withStoreFaults(content.path, goes))) {
      inUse = add(inUse, content);
      continue;
    }
    gone.push(content);
    removed[content.kind] = add(removed[content.kind], content);
  }
  // What takes long is done when nobody waits for it any more.
  await announced?.[Symbol.asyncDispose]();
  for (const path of trash) await rm(path, { recursive: true, force: true });
  const less = gone.reduce(add, { count: 0, bytes: 0 });
  const kept = { count: all.count - less.count, bytes: all.bytes - less.bytes };
  return { removed, kept, inUse };
}

/**
 * What the limits do not keep, what was not used for the longest time first; of what was last used at the same time, as far as
 * that is known, the largest, so that few things go for a size.
 */
function outdated(
  contents: readonly StoreContent[],
  { olderThan, maxSize }: PruneOptions,
  bytes: number,
): readonly StoreContent[] {
  const oldestFirst = contents.toSorted((a, b) => hour(a) - hour(b) || b.bytes - a.bytes);
  if (olderThan === undefined && maxSize === undefined) return oldestFirst;
  const before = olderThan === undefined ? Number.NEGATIVE_INFINITY : Date.now() - olderThan;
  let left = bytes;
  return oldestFirst.filter((content) => {
    const goes = content.lastUsed < before || (maxSize !== undefined && left > maxSize);
    if (goes) left -= content.bytes;
    return goes;
  });
}

/** When something was last used, as exactly as that is known. */
function hour({ lastUsed }: StoreContent): number {
  return Math.floor(lastUsed / useResolution);
}

/** Says that from now on nothing that was not used lately may be relied on, and waits until everybody knows. */
async function announce(
  store: Store,
  session: string,
  signal: AbortSignal | undefined,
): Promise<AsyncDisposable> {
  const path = store.path(pruningFile);
  const temporary = await store.temporaryPath();
  await withStoreFaults(path, async () => {
    await writeFile(temporary, session);
    await rename(temporary, path);
  });
  const withdraw = { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
  try {
    await delay(claimGrace, undefined, signal ? { signal } : {});
    return withdraw;
  } catch (error) {
    await withdraw[Symbol.asyncDispose]();
    signal?.throwIfAborted();
    throw error;
  }
}

/** Removes one, unless it was used since it was looked at; a folder's content is left in `trash`. Returns whether it went. */
async function remove(
  content: StoreContent,
  store: Store,
  scratch: string,
  trash: string[],
): Promise<boolean> {
  const { kind, path } = content;
  if (kind === "partial") return removePartial(path, store);
  try {
    const stats = await lstat(path);
    if (stats.mtimeMs !== content.lastUsed) return false;
    if (!stats.isDirectory()) {
      await rm(path);
      return true;
    }
    const away = join(scratch, String(trash.length));
    await rename(path, away);
    trash.push(away);
    return true;
  } catch (error) {
    // Somebody else removed it: a damaged blob is, by whoever notices.
    if (isNotFound(error)) return true;
    throw error;
  }
}

/** A download that was broken off; one that goes on holds its lock. */
async function removePartial(path: string, store: Store): Promise<boolean> {
  using lock = await tryLockFile(lockPath(store, `partial sha256:${basename(path)}`));
  if (lock === undefined) return false;
  await rm(path, { force: true });
  return true;
}

function add(sum: Amount, { bytes }: StoreContent): Amount {
  return { count: sum.count + 1, bytes: sum.bytes + bytes };
}

function emptyAmounts(): Record<ContentKind, Amount> {
  const none = { count: 0, bytes: 0 };
  return {
    blobs: none,
    partial: none,
    memos: none,
    snapshots: none,
    wheels: none,
    caches: none,
    tools: none,
  };
}
