import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type Digest, digestHex } from "./digest.ts";
import { type FileStats, fileKey, fileState, isSettled } from "./file-stats.ts";
import { replaceFile } from "./replace-file.ts";

export interface DigestMemoOptions {
  /** The current time in milliseconds since 1970; the system's if absent. */
  readonly now?: () => number;
  /** Gives a path on the same filesystem for a file in the making; beside the memo's own if absent. */
  readonly temporaryPath?: () => Promise<string>;
}

const format = "lamella-digests 1";
/** About 30 MB on disk and in memory. Beyond it, the entries remembered first are dropped. */
const maximumEntries = 200_000;

/**
 * Remembers the digests of files by device, inode, size, mtime and ctime, so that hashing a large tree again costs only
 * its `stat` calls. What was changed within the last two seconds is not remembered: it could change again within the
 * resolution of its times.
 *
 * It is kept in one file. Losing that file, or entries of it, costs only time: a damaged one counts as empty, and of two
 * processes that write at the same moment one may lose its entries.
 *
 * @example
 * ```ts
 * await using memo = await DigestMemo.load(path);
 * const tree = await readTree("src", { memo });
 * ```
 */
export class DigestMemo implements AsyncDisposable {
  readonly #path: string | undefined;
  readonly #now: () => number;
  readonly #temporaryPath: (() => Promise<string>) | undefined;
  /** From `dev:ino` to `size:mtime:ctime hex`: a changed file replaces its entry. */
  #entries: Map<string, string>;
  /** What this process learned since it loaded. */
  readonly #learned = new Map<string, string>();

  private constructor(
    path: string | undefined,
    entries: Map<string, string>,
    options: DigestMemoOptions,
  ) {
    this.#path = path;
    this.#entries = entries;
    this.#now = options.now ?? Date.now;
    this.#temporaryPath = options.temporaryPath;
  }

  /** A memo that lives as long as the process. */
  static inMemory(options: DigestMemoOptions = {}): DigestMemo {
    return new DigestMemo(undefined, new Map(), options);
  }

  /** The memo kept at `path`; empty when there is none yet or it is damaged. */
  static async load(path: string, options: DigestMemoOptions = {}): Promise<DigestMemo> {
    return new DigestMemo(path, await readEntries(path), options);
  }

  /** The digest of the file's content, if it was remembered for exactly these stats. */
  lookup(stats: FileStats): Digest | undefined {
    const entry = this.#entries.get(fileKey(stats));
    const state = fileState(stats);
    if (entry === undefined || !entry.startsWith(state) || entry[state.length] !== " ") {
      return undefined;
    }
    return `sha256:${entry.slice(state.length + 1)}`;
  }

  /** Remembers a digest. `stats` were taken before the content was read, and again after with the same result. */
  remember(stats: FileStats, digest: Digest): void {
    if (!isSettled(stats, this.#now())) return;
    const key = fileKey(stats);
    const entry = `${fileState(stats)} ${digestHex(digest)}`;
    this.#entries.set(key, entry);
    this.#learned.set(key, entry);
  }

  /**
   * Writes what was learned, together with what other processes have written since. A memo that cannot be written (a
   * full disk, a read-only folder) is not an error.
   */
  async save(): Promise<void> {
    if (this.#path === undefined || this.#learned.size === 0) return;
    const merged = await readEntries(this.#path);
    for (const [key, entry] of this.#learned) {
      merged.delete(key);
      merged.set(key, entry);
    }
    const surplus = merged.size - maximumEntries;
    for (const key of merged.keys().take(Math.max(surplus, 0))) merged.delete(key);
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      await replaceFile(this.#path, formatEntries(merged), await this.#temporaryPath?.());
    } catch {
      return;
    }
    this.#entries = merged;
    this.#learned.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.save();
  }
}

/** First line: the format and the SHA-256 of the rest. Then one line a file: `dev:ino size:mtime:ctime hex`. */
function formatEntries(entries: Map<string, string>): string {
  let lines = "";
  for (const [key, entry] of entries) lines += `${key} ${entry}\n`;
  return `${format} ${checksum(lines)}\n${lines}`;
}

async function readEntries(path: string): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  let text: string;
  try {
    text = await readFile(path, "latin1");
  } catch {
    return entries;
  }
  const body = text.indexOf("\n") + 1;
  const lines = text.slice(body);
  if (body === 0 || text.slice(0, body - 1) !== `${format} ${checksum(lines)}`) return entries;
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf("\n", start);
    const space = lines.indexOf(" ", start);
    entries.set(lines.slice(start, space), lines.slice(space + 1, end));
    start = end + 1;
  }
  return entries;
}

function checksum(text: string): string {
  return createHash("sha256").update(text, "latin1").digest("hex");
}
