import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { defaultStoreRoot } from "../store/store-root.ts";

// Half of what starting costs is compiling: the next start finds the result, in a folder that is the user's own. Only
// what is loaded after this call profits, so there is next to nothing here.
enableCompileCache(
  process.env["NODE_COMPILE_CACHE"] ?? join(defaultStoreRoot(process.env), "compiled"),
);
const { main } = await import("./main.ts");
await main(process);
