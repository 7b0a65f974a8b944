import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { digestHex, sha256 } from "../files/digest.ts";
import { claim } from "./claim.ts";
import { withStoreFaults } from "./error.ts";
import type { Session } from "./session.ts";

/** Whoever has memos of elsewhere, or keeps account of those that are used. */
export interface MemoCompanion {
  /** Asked for what is not remembered here. Gives a value that nobody has looked at, or undefined. */
  recall(namespace: string, key: string): Promise<unknown>;
  /** Told each value that was given out or is remembered from now on. */
  note(namespace: string, key: string, value: unknown): void;
}

/**
 * What was once found out, by a key that says all that it depends on, with the version of the recipe in it. A memo saves
 * work and never decides: one that is lost, damaged or not understood is as good as absent.
 */
export class MemoStore {
  readonly #root: string;
  readonly #session: () => Promise<Session>;
  #companion: MemoCompanion | undefined;

  /** Memos lie in the folder `memos` of `root`. */
  constructor(root: string, session: () => Promise<Session>) {
    this.#root = root;
    this.#session = session;
  }

  /** From now on the companion is asked and told; what it gives is not kept here. */
  accompany(companion: MemoCompanion): void {
    this.#companion = companion;
  }

  /**
   * The value remembered for a key, as `parse` makes it of parsed JSON; undefined where there is none, or `parse` throws.
   * `namespace` is a name of ours: letters, digits and dashes.
   */
  async get<T>(
    namespace: string,
    key: string,
    parse: (value: unknown) => T,
  ): Promise<T | undefined> {
    for (const source of [this.#read.bind(this), this.#recall.bind(this)]) {
      try {
        const value = await source(namespace, key);
        if (value === undefined) continue;
        const parsed = parse(value);
        this.#companion?.note(namespace, key, value);
        return parsed;
      } catch {
        // As good as absent.
      }
    }
    return undefined;
  }

  /** Remembers a value that JSON can hold. The last writer wins. Raises DiskFullError. */
  async put(namespace: string, key: string, value: unknown): Promise<void> {
    this.#companion?.note(namespace, key, value);
    const path = this.#path(namespace, key);
    const temporary = (await this.#session()).temporaryPath();
    await withStoreFaults(path, async () => {
      try {
        await writeFile(temporary, JSON.stringify({ key, value }), { flag: "wx", mode: 0o644 });
        await mkdir(dirname(path), { recursive: true });
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    });
  }

  async #read(namespace: string, key: string): Promise<unknown> {
    const path = this.#path(namespace, key);
    const record: unknown = JSON.parse(await readFile(path, "utf8"));
    claim(this.#root, path);
    // The key is in the record too, so that a file that got to a wrong name is not believed.
    return isRecord(record) && record.key === key ? record.value : undefined;
  }

  async #recall(namespace: string, key: string): Promise<unknown> {
    return this.#companion?.recall(namespace, key);
  }

  #path(namespace: string, key: string): string {
    if (!/^[a-z0-9][a-z0-9-]*$/.test(namespace)) throw new Error(`Not a namespace: ${namespace}`);
    const name = digestHex(sha256(key));
    return join(this.#root, "memos", namespace, name.slice(0, 2), `${name.slice(2)}.json`);
  }
}

function isRecord(value: unknown): value is { readonly key: unknown; readonly value: unknown } {
  return typeof value === "object" && value !== null && "key" in value && "value" in value;
}
