import { enableCompileCache } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defaultStoreRoot } from "../store/store-root.ts";

// Half of what starting costs is compiling: the next start finds the result, in a folder that is the user's own. Only
// what is loaded after this call profits, so there is next to nothing here.
enableCompileCache(
  process.env["NODE_COMPILE_CACHE"] ?? join(defaultStoreRoot(process.env), "compiled"),
);
// Layers are compressed on all cores, by threads of Node's own pool; there are four unless it is told before its first use.
process.env["UV_THREADPOOL_SIZE"] ??= String(Math.max(4, availableParallelism()));
const { main } = await import("./main.ts");
await main(process);
