import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A filesystem of its own, in memory. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Changes options of the mounted filesystem: `size=20m`, `ro`. */
  remount(options: string): Promise<void>;
}

/** Mounts a filesystem of a size that is soon used up: `2m`. Only root may. It ends with the returned object. */
export async function mountSmallDisk(size: string): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), "lamella-disk-"));
  await run("mount", ["-t", "tmpfs", "-o", `size=${size}`, "lamella-test", path]);
  return {
    path,
    async remount(options) {
      await run("mount", ["-o", `remount,${options}`, path]);
    },
    [Symbol.asyncDispose]: async () => {
      await run("umount", [path]);
      await rm(path, { recursive: true });
    },
  };
}
