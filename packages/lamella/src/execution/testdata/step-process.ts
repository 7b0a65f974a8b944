import { Store } from "../../store/store.ts";
import { executeStep } from "../step.ts";
import { hostPrograms } from "./host-programs.ts";
import { storeLayers } from "./test-image.ts";

// Executes a shell command as a step on an image of the host's programs, with a secret and a cache. It says when it has
// begun.
const [root = "", script = ""] = process.argv.slice(2);
await using store = await Store.open(root);
const layers = await storeLayers(store, [await hostPrograms(["sh", "sleep", "mkdir", "touch"])]);
process.stdout.write("begun\n");
await executeStep({
  layers,
  process: { args: ["/bin/sh", "-c", script], env: {} },
  mounts: [
    { kind: "secret", destination: "/run/secrets/x", value: Buffer.from("secret") },
    { kind: "cache", id: "x", destination: "/cache", sharing: "locked" },
  ],
  store,
});
