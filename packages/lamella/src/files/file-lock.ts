import type { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

/*
 * Locks between processes are SQLite files on which an exclusive transaction is begun and nothing is ever written. The
 * kernel ends the lock with its process, however that ends, and across containers that share a folder, where process
 * ids mean nothing. Threads and twice the same process exclude each other as well: SQLite sees to that.
 *
 * A trap: POSIX record locks of a process end when it closes *any* descriptor of the file, so a lock file must never be
 * opened by other means than SQLite.
 */

// SQLite's result code for a lock that somebody else has.
const sqliteBusy = 5;

// Milliseconds between two attempts: short at first, since most locks are held shortly.
const firstPause = 2;
const longestPause = 100;

/** A lock that is held until it is disposed of, or its process ends. */
export interface FileLock extends AsyncDisposable, Disposable {}

/**
 * Takes the lock on a file, which is created and stays empty; undefined when another holder has it. Faults of the disk
 * are SQLite's own errors (`errcode`): what they mean to a person, the caller knows.
 */
export async function tryLockFile(path: string): Promise<FileLock | undefined> {
  // Loaded late: most commands take no lock.
  const { DatabaseSync } = await import("node:sqlite");
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    // No journal beside the file, which a killed process would leave: there is nothing to roll back, and a lock can be had
    // on a full disk. (OFF says the same, and newer versions of Node, whose databases are defensive, pass it over.)
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return heldLock(database);
  } catch (error) {
    database?.close();
    if ((error as { readonly errcode?: unknown }).errcode === sqliteBusy) return undefined;
    throw error;
  }
}

/**
 * Takes the lock on a file as {@link tryLockFile} does, and waits for it as long as it takes. Raises the signal's reason
 * when that is aborted meanwhile. There is no order among those that wait.
 */
export async function lockFile(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<FileLock> {
  const { signal } = options;
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    signal?.throwIfAborted();
    const lock = await tryLockFile(path);
    if (lock !== undefined) return lock;
    try {
      await delay(pause, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }
}

function heldLock(database: DatabaseSync): FileLock {
  const release = (): void => {
    if (database.isOpen) database.close();
  };
  return {
    [Symbol.dispose]: release,
    [Symbol.asyncDispose]: async () => release(),
  };
}
