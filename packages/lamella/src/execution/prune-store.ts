import { type PruneOptions, type PruneReport, prune } from "../store/prune.ts";
import type { Store } from "../store/store.ts";
import { askRootless } from "./rootless-process.ts";
import { mayBeForeign } from "./snapshot.ts";

/**
 * `prune` of a store in which something may have been executed: where files of it belong to this user's subordinate ids,
 * it is done in a user namespace, as they were made. Nobody relies on the store through `store` itself meanwhile.
 *
 * Raises what `prune` raises, and ExecutionUnsupportedError and ToolMissingError where such files are there and there can
 * be no user namespace any more.
 */
export async function pruneStore(store: Store, options: PruneOptions = {}): Promise<PruneReport> {
  const { signal, ...sent } = options;
  return (await mayBeForeign(store))
    ? await askRootless({ kind: "prune", storeRoot: store.root, options: sent }, { signal })
    : await prune(store, options);
}
