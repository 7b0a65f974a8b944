import { prune } from "../prune.ts";
import { Store } from "../store.ts";

// Prunes everything from a store, again and again, until it is killed.
const [root = ""] = process.argv.slice(2);
await using store = await Store.open(root);
for (;;) {
  await prune(store);
  process.stdout.write("pruned\n");
}
