import { readdir } from "node:fs/promises";
import type { Config } from "../config/config.ts";
import { Store } from "../store/store.ts";
import { defaultStoreRoot } from "../store/store-root.ts";

/**
 * Opens the store that the configuration names, and removes what killed commands left in it and on this machine. Raises
 * what opening the store raises.
 */
export async function openStore(
  { storeRoot }: Pick<Config, "storeRoot">,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Store> {
  const store = await Store.open(storeRoot ?? defaultStoreRoot(env));
  // Who only places files never loads what executes.
  const hasExecuted = (await readdir(store.path("snapshots")).catch(() => [])).length > 0;
  if (hasExecuted) {
    const { removeLeftovers } = await import("../execution/leftovers.ts");
    await removeLeftovers(store);
  }
  return store;
}
