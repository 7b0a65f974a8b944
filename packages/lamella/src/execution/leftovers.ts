import type { Store } from "../store/store.ts";
import { removeDeadCgroups } from "./cgroup.ts";
import { mayBeForeign } from "./snapshot.ts";

/**
 * Removes what killed containers of a store have left and opening the store did not remove: their cgroups, and files of
 * subordinate ids. (Their processes and mounts end by themselves, see enclosure.ts.) What cannot be removed stays for the
 * next time.
 */
export async function removeLeftovers(store: Store): Promise<void> {
  await removeDeadCgroups(store);
  if (!store.hasForeignRemains || !(await mayBeForeign(store))) return;
  const { askRootless } = await import("./rootless-process.ts");
  // Opening the store there is what removes them.
  await askRootless({ kind: "tidy", storeRoot: store.root }).catch(() => {});
}
