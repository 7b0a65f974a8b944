import { lockFile } from "../file-lock.ts";

// Takes the lock on a file and keeps it until it is killed. Its first line says that it has it.
const [path = ""] = process.argv.slice(2);
const lock = await lockFile(path);
process.stdout.write("locked\n");
setInterval(() => lock, 60_000);
