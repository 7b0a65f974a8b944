import type { CacheRecord } from "./cache-document.ts";
import { recipeOf } from "./travelling.ts";

/** The memos that a build used or made, of those that travel. */
export class UsedMemos {
  readonly #records = new Map<string, CacheRecord>();

  note(namespace: string, key: string, value: unknown): void {
    const recipe = recipeOf(namespace);
    if (recipe === undefined) return;
    this.#records.set(`${namespace} ${key}`, { namespace, key, recipe, value });
  }

  /** In an order that only depends on the records, so that the same build gives the same cache. */
  records(): CacheRecord[] {
    return [...this.#records.entries()]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, record]) => record);
  }
}
