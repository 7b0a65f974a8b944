import { execFile } from "node:child_process";
import { chmod, cp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { lamellaCli } from "../packages/lamella/testing/lamella.ts";

/**
 * Copies Node and the built package to a folder where everybody may read them: a checkout may lie in root's home. Returns
 * the program and its first argument.
 */
export async function installForAll(folder: string): Promise<[string, string]> {
  await chmod(folder, 0o755);
  const built = dirname(lamellaCli);
  const node = join(folder, "node");
  await cp(process.execPath, node);
  await cp(built, join(folder, "lamella/dist"), { recursive: true });
  await cp(join(built, "../package.json"), join(folder, "lamella/package.json"));
  await promisify(execFile)("chmod", ["--recursive", "a+rX", folder]);
  return [node, join(folder, "lamella/dist/cli.js")];
}
