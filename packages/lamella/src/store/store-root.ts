import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/**
 * Absolute path of the store where none is configured: `LAMELLA_HOME`, else `lamella` in the user's cache folder (XDG
 * Base Directory Specification: a relative `XDG_CACHE_HOME` is ignored).
 */
export function defaultStoreRoot(env: Readonly<Record<string, string | undefined>>): string {
  const home = env["LAMELLA_HOME"];
  if (home !== undefined && home !== "") return resolve(home);
  const cache = env["XDG_CACHE_HOME"];
  if (cache !== undefined && isAbsolute(cache)) return join(cache, "lamella");
  return join(env["HOME"] || homedir(), ".cache", "lamella");
}
