import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { TestEntry } from "./tar-of.ts";

/**
 * The entries of a layer with programs of this machine and the libraries that they need: the smallest image in which a
 * shell runs, on any machine and with no network.
 */
export async function hostPrograms(names: readonly string[]): Promise<TestEntry[]> {
  const programs = names.map((name) => `/bin/${name}`);
  const { stdout } = await promisify(execFile)("ldd", programs);
  const libraries = [...stdout.matchAll(/(?:=> |^\t)(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
  const paths = [...new Set([...programs, ...libraries])];
  const files = paths.map(async (path): Promise<TestEntry> => {
    return { path: path.slice(1), mode: 0o755, bytes: await readFile(path) };
  });
  return await Promise.all(files);
}
