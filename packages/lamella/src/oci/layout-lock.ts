import { setTimeout as delay } from "node:timers/promises";

// SQLite's result code for a lock that somebody else has.
const sqliteBusy = 5;

// Milliseconds between two attempts. The lock is held for as long as it takes to write one small file.
const pause = 5;

/**
 * Takes the lock on a file, which is created and stays empty, and waits for it. An exclusive SQLite transaction is a
 * lock that the kernel ends with its process, however that ends; see store/lock.ts, which this folder must not know.
 */
export async function lockFile(path: string, signal?: AbortSignal): Promise<Disposable> {
  const { DatabaseSync } = await import("node:sqlite");
  for (;;) {
    signal?.throwIfAborted();
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
      return { [Symbol.dispose]: () => database.close() };
    } catch (error) {
      database.close();
      if ((error as { readonly errcode?: unknown }).errcode !== sqliteBusy) {
        throw error;
      }
    }
    await delay(pause);
  }
}
