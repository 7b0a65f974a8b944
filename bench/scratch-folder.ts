import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A fresh folder that goes away with the returned object, and with it whatever is still mounted below it. */
export interface ScratchFolder extends AsyncDisposable {
  readonly path: string;
  /** Makes a folder in it. */
  folder(name: string): Promise<string>;
}

export async function makeScratchFolder(): Promise<ScratchFolder> {
  const path = await mkdtemp(join(tmpdir(), "lamella-bench-"));
  return {
    path,
    folder: async (name) => {
      const folder = join(path, name);
      await mkdir(folder, { recursive: true });
      return folder;
    },
    [Symbol.asyncDispose]: async () => {
      await unmountBelow(path);
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** Engines that were killed leave mounts. The innermost, which were made last, go first. */
async function unmountBelow(path: string): Promise<void> {
  const mounts = (await readFile("/proc/self/mounts", "utf8"))
    .split("\n")
    .flatMap((line) => line.split(" ")[1] ?? [])
    .filter((target) => target.startsWith(`${path}/`));
  for (const target of mounts.reverse()) await promisify(execFile)("umount", ["-l", target]);
}
