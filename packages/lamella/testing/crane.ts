import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { output } from "./daemon.ts";

/**
 * go-containerregistry's `crane`, built from its Go modules the first time (a minute or two) and kept in the user's cache
 * folder. `undefined` where there is no Go.
 */
export async function findCrane(): Promise<string | undefined> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "lamella-test");
  const crane = join(cache, "crane");
  if (await exists(crane)) return crane;
  if (!(await hasGo())) return undefined;
  await mkdir(cache, { recursive: true });
  const unfinished = await mkdtemp(join(cache, ".crane-"));
  try {
    const module = "github.com/google/go-containerregistry/cmd/crane@latest";
    await output("go", ["install", module], { ...process.env, GOBIN: unfinished });
    await rename(join(unfinished, "crane"), crane);
    return crane;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

function hasGo(): Promise<boolean> {
  return output("go", ["version"]).then(
    () => true,
    () => false,
  );
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
