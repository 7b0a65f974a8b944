import { Store } from "../../store/store.ts";
import { runImage } from "../run.ts";
import type { Runtime } from "../runtime.ts";
import { hostPrograms } from "./host-programs.ts";
import { configOf, storeLayers } from "./test-image.ts";

// Runs a shell command in an image of the host's programs, on its own standard streams, and ends with its exit code.
const [root = "", runtime = "", command = ""] = process.argv.slice(2);
await using store = await Store.open(root);
const layers = await storeLayers(store, [await hostPrograms(["sh", "sleep", "cat", "stty"])]);
process.exitCode = await runImage({
  layers,
  config: configOf(layers),
  store,
  command: ["sh", "-c", command],
  runtime: JSON.parse(runtime) as Runtime,
});
