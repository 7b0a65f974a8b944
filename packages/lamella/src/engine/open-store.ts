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
  if (store.recovered) {
    // The mounts and processes of its containers are gone with it, and their cgroups are not.
    const { removeDeadCgroups } = await import("../execution/cgroup.ts");
    await removeDeadCgroups(store);
  }
  return store;
}
