import { randomBytes } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type FileLock, tryLockFile } from "../files/file-lock.ts";
import { isForbidden, isNotFound, withStoreFaults } from "./error.ts";

/** A folder on the store's filesystem that ends with its owner. */
export interface ScratchDirectory extends AsyncDisposable {
  readonly path: string;
}

const lockSuffix = ".lock";

/**
 * The unfinished business of one open store: temporary files and scratch folders. `sessions/ID.lock` is locked as long as
 * its owner lives, so whoever can take that lock knows that the owner is gone, and may remove `sessions/ID`.
 */
export class Session implements AsyncDisposable {
  readonly #folder: string;
  readonly #lockPath: string;
  readonly #lock: FileLock;
  #files = 0;

  private constructor(folder: string, lockPath: string, lock: FileLock) {
    this.#folder = folder;
    this.#lockPath = lockPath;
    this.#lock = lock;
  }

  /** Begins a session in the folder `sessions`, which exists. */
  static async begin(sessions: string): Promise<Session> {
    return await withStoreFaults(sessions, async () => {
      for (;;) {
        const folder = join(sessions, randomBytes(8).toString("hex"));
        const lockPath = folder + lockSuffix;
        const lock = await tryLockFile(lockPath);
        // Somebody who tidies up can take the fresh file for a dead session's before it is locked here.
        if (lock !== undefined && (await exists(lockPath))) {
          await mkdir(folder, { mode: 0o700 });
          return new Session(folder, lockPath, lock);
        }
        lock?.[Symbol.dispose]();
      }
    });
  }

  /** A path for a temporary file. The file does not exist, and can be renamed to any place in the store. */
  temporaryPath(): string {
    return join(this.#folder, `file-${this.#files++}`);
  }

  /** Creates a folder whose name starts with `prefix`. */
  async scratch(prefix: string): Promise<ScratchDirectory> {
    const path = await withStoreFaults(this.#folder, () =>
      mkdtemp(join(this.#folder, `${prefix}-`)),
    );
    return { path, [Symbol.asyncDispose]: () => removeTree(path) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.#folder);
    await rm(this.#lockPath, { force: true });
    this.#lock[Symbol.dispose]();
  }
}

/**
 * Removes what sessions left behind that were killed. What cannot be removed now stays for the next time: it must not
 * keep anybody from working. Returns whether some of that is not this user's to remove.
 */
export async function removeDeadSessions(sessions: string): Promise<boolean> {
  let refused = false;
  for (const name of await readdir(sessions)) {
    const path = join(sessions, name);
    try {
      if (name.endsWith(lockSuffix)) await removeDeadSession(path);
      // Whoever has a session has its lock's file longer than its folder. This is of a program that outlived the process
      // that it was started by, and made its folder anew.
      else if (!(await exists(path + lockSuffix))) await removeTree(path);
    } catch (error) {
      // Else its files are still in use.
      if (isForbidden(error)) refused = true;
    }
  }
  return refused;
}

/**
 * When the oldest session that is alive began, in milliseconds since 1970, beside the one of this name; infinite when there
 * is no other.
 */
export async function otherSessionsSince(sessions: string, own: string): Promise<number> {
  await removeDeadSessions(sessions);
  let oldest = Number.POSITIVE_INFINITY;
  for (const name of await readdir(sessions)) {
    if (!name.endsWith(lockSuffix) || name === own + lockSuffix) continue;
    const stats = await stat(join(sessions, name)).catch(() => undefined);
    // A lock's file is never written to: it is as old as its session.
    if (stats) oldest = Math.min(oldest, stats.mtimeMs);
  }
  return oldest;
}

async function removeDeadSession(lockPath: string): Promise<void> {
  using lock = await tryLockFile(lockPath);
  if (lock === undefined) return;
  await removeTree(lockPath.slice(0, -lockSuffix.length));
  await rm(lockPath, { force: true });
}

async function removeTree(path: string): Promise<void> {
  // A process that is being killed can add files meanwhile.
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
