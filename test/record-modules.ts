import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";

// Preloaded (`node --import`) into a process and its threads: writes the URL of each module that is loaded to a file,
// a line each.
const file = process.env["RECORD_MODULES"];
if (file === undefined) throw new Error("RECORD_MODULES names no file.");
registerHooks({
  load(url, context, nextLoad) {
    appendFileSync(file, `${url}\n`);
    return nextLoad(url, context);
  },
});
