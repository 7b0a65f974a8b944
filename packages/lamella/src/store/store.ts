import { chmod, mkdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { BlobStore } from "./blob-store.ts";
import { claimFolder } from "./claim.ts";
import { withStoreFaults } from "./error.ts";
import { MemoStore } from "./memo-store.ts";
import { removeDeadSessions, type ScratchDirectory, Session } from "./session.ts";

/**
 * Folders that hold files of images as they are there, programs among them that run as their owner (setuid): whoever could
 * get at them would have what an image gives its own users. The store itself may have been made by somebody for all.
 */
const filesOfImages = ["sessions", "snapshots", "caches"];

/**
 * The local content store: one folder that any number of processes and threads use at once, with no server between
 * them. Disposing of it is good manners, and ends writing; what a process leaves behind is removed by the next one that
 * opens the store.
 */
export class Store implements AsyncDisposable {
  /** Absolute path of the store's folder. */
  readonly root: string;
  readonly blobs: BlobStore;
  readonly memos: MemoStore;
  /** Whether killed processes have left files in it that are not this user's to remove. */
  readonly hasForeignRemains: boolean;
  #session: Promise<Session> | undefined;
  #closed = false;

  private constructor(root: string, hasForeignRemains: boolean) {
    this.root = root;
    this.hasForeignRemains = hasForeignRemains;
    const session = (): Promise<Session> => this.#currentSession();
    this.blobs = new BlobStore(root, session);
    this.memos = new MemoStore(root, session);
  }

  /**
   * Opens the store in a folder, which is created (for this user alone) where it is not there, and removes what killed
   * processes left in it. Raises StoreNotWritableError, DiskFullError.
   */
  static async open(root: string): Promise<Store> {
    const absolute = resolve(root);
    return await withStoreFaults(absolute, async () => {
      await mkdir(absolute, { recursive: true, mode: 0o700 });
      for (const folder of ["blobs/sha256", "partial", "memos", "locks"]) {
        await mkdir(join(absolute, folder), { recursive: true });
      }
      for (const folder of filesOfImages) await makePrivate(join(absolute, folder));
      return new Store(absolute, await removeDeadSessions(join(absolute, "sessions")));
    });
  }

  /** Begins the store's session: what is found in the store or put there from now on is not pruned as long as it lives. */
  async hold(): Promise<void> {
    await this.#currentSession();
  }

  /**
   * Claims a folder that a part keeps in the store, before it is used: it is not pruned as long as the session lives. Waits
   * where somebody is pruning. Returns whether it is there.
   */
  async claimFolder(
    path: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<boolean> {
    await this.#currentSession();
    return await claimFolder(this.root, path, options);
  }

  /** Creates a folder for work in progress, on the store's filesystem; it ends with the returned object. */
  async scratch(prefix: string): Promise<ScratchDirectory> {
    return await (await this.#currentSession()).scratch(prefix);
  }

  /** A path for a file in the making, to be renamed to its place in the store. One that is left goes with its process. */
  async temporaryPath(): Promise<string> {
    return (await this.#currentSession()).temporaryPath();
  }

  /** A path in the store, for parts that keep a folder of their own there: `snapshots`, `tools`. */
  path(...segments: string[]): string {
    return join(this.root, ...segments);
  }

  /** Begun with the first file that is written, or when somebody relies on what is there. */
  async #currentSession(): Promise<Session> {
    // Whatever goes on behind the back of a build that was stopped: it would leave its files to nobody.
    if (this.#closed) throw new Error(`The store in ${this.root} is closed.`);
    this.#session ??= Session.begin(this.path("sessions"));
    try {
      return await this.#session;
    } catch (error) {
      this.#session = undefined;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const session = this.#session;
    this.#session = undefined;
    await (await session?.catch(() => undefined))?.[Symbol.asyncDispose]();
    // Threads are ended in the middle of their work, and leave what killed processes leave. A later one finds the rest.
    await removeDeadSessions(this.path("sessions")).catch(() => undefined);
  }
}

/** Makes a folder for this user alone, also where it is there for others. */
async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { mode, uid } = await stat(folder);
  if ((mode & 0o077) !== 0 && uid === process.getuid?.()) await chmod(folder, 0o700);
}
