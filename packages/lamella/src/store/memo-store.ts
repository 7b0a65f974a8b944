import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { digestHex, sha256 } from "../files/digest.ts";
import { withStoreFaults } from "./error.ts";
import type { Session } from "./session.ts";

/**
 * What was once found out, by a key that says all that it depends on, with the version of the recipe in it. A memo saves
 * work and never decides: one that is lost, damaged or not understood is as good as absent.
 */
export class MemoStore {
  readonly #folder: string;
  readonly #session: () => Promise<Session>;

  constructor(folder: string, session: () => Promise<Session>) {
    this.#folder = folder;
    this.#session = session;
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
    try {
      const record: unknown = JSON.parse(await readFile(this.#path(namespace, key), "utf8"));
      // The key is in the record too, so that a file that got to a wrong name is not believed.
      if (!isRecord(record) || record.key !== key) return undefined;
      return parse(record.value);
    } catch {
      return undefined;
    }
  }

  /** Remembers a value that JSON can hold. The last writer wins. Raises DiskFullError. */
  async put(namespace: string, key: string, value: unknown): Promise<void> {
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

  #path(namespace: string, key: string): string {
    if (!/^[a-z0-9][a-z0-9-]*$/.test(namespace)) throw new Error(`Not a namespace: ${namespace}`);
    const name = digestHex(sha256(key));
    return join(this.#folder, namespace, name.slice(0, 2), `${name.slice(2)}.json`);
  }
}

function isRecord(value: unknown): value is { readonly key: unknown; readonly value: unknown } {
  return typeof value === "object" && value !== null && "key" in value && "value" in value;
}
