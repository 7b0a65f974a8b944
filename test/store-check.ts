import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

// What a store consists of when nobody works in it.
const kept: readonly RegExp[] = [
  /^blobs\/sha256\/[0-9a-f]{64}$/,
  /^memos\/[a-z-]+\/[0-9a-f]{2}\/[0-9a-f]{62}\.json$/,
  /^locks\/[0-9a-f]{32}\.lock$/,
  /^stripped-types\/[0-9a-f]{64}\.js$/,
  /^file-digests$/,
  /^snapshots\/\w+\/[0-9a-f]{64}\/(snapshot\.json$|fs\/)/,
  // Node's and uv's own.
  /^compiled\//,
  /^uv-cache\//,
];

/** Files and folders in a store that nobody works in, and that nobody will ever use again. */
export async function litterIn(store: string): Promise<string[]> {
  const files = await readdir(store, { recursive: true, withFileTypes: true });
  return [
    ...files
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(store.length + 1))
      .filter((path) => !kept.some((pattern) => pattern.test(path))),
    ...(await readdir(join(store, "sessions"))),
  ];
}

/** Looks after the blobs of a store: each has the content that its name says. */
export class BlobCheck {
  readonly #folder: string;
  /** Files that were found whole, by all that changes with their content. */
  readonly #whole = new Set<string>();

  constructor(store: string) {
    this.#folder = join(store, "blobs/sha256");
  }

  /** Names of blobs with another content, among those that are new or changed since the last call. */
  async damaged(): Promise<string[]> {
    const damaged: string[] = [];
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
      const state = [name, ino, size, mtimeNs, ctimeNs].join(" ");
      if (this.#whole.has(state)) continue;
      const hash = createHash("sha256");
      await pipeline(createReadStream(path), hash);
      if (hash.digest("hex") === name) this.#whole.add(state);
      else damaged.push(name);
    }
    return damaged;
  }
}
