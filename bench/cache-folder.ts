import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where things are kept that are made once for all runs: `LAMELLA_BENCH_CACHE`, else in the user's cache folder. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const own = env["LAMELLA_BENCH_CACHE"];
  if (own) return own;
  return join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "lamella-bench");
}

/**
 * A folder in the cache, made with `make` where it is not there yet. It is there whole or not at all: `make` fills
 * another folder beside it.
 */
export async function cachedFolder(
  cache: string,
  name: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const path = join(cache, name);
  if (await exists(path)) return path;
  await mkdir(cache, { recursive: true });
  const unfinished = await mkdtemp(join(cache, `.${name}-`));
  try {
    await make(unfinished);
    await rename(unfinished, path);
    return path;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
