import { acquireLock } from "../lock.ts";
import { Store } from "../store.ts";

// Takes a lock and keeps it until it is killed. Its first line says that it has it.
const [root = "", name = ""] = process.argv.slice(2);
const lock = await acquireLock(await Store.open(root), name);
process.stdout.write("locked\n");
setInterval(() => lock, 60_000);
