import { digestHex, sha256 } from "../files/digest.ts";
import { type FileLock, lockFile } from "../files/file-lock.ts";
import { withStoreFaults } from "./error.ts";

/** Where the lock of this name lies in a store. */
export function lockPath(store: { path(...segments: string[]): string }, name: string): string {
  // Hashed, so that a name may hold anything.
  return store.path("locks", `${digestHex(sha256(name)).slice(0, 32)}.lock`);
}

/**
 * Takes the lock of this name in a store, and waits for it as long as it takes. Raises the signal's reason when that is
 * aborted meanwhile, StoreNotWritableError and DiskFullError.
 */
export async function acquireLock(
  store: { path(...segments: string[]): string },
  name: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<FileLock> {
  const path = lockPath(store, name);
  return await withStoreFaults(path, () => lockFile(path, options));
}
