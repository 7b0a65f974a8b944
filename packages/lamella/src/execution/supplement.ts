import type { Stats } from "node:fs";
import { chmod, chown, mkdir, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { lookup } from "./layer-stack.ts";
import type { MountPoint } from "./mount-point.ts";
import type { Snapshot } from "./snapshot.ts";

/*
 * Small lower directories that are made anew for each root filesystem and put between or above its snapshots, because
 * what they say depends on the other layers or on the machine. They are not in the upper directory, so they are no part
 * of what a command changed.
 */

/** A file of the machine that a container sees. */
export interface MachineFile {
  readonly path: string;
  readonly text: string;
}

/** What a root filesystem gets from the machine and the command that runs in it. */
export interface MachineSupplement {
  readonly files: readonly MachineFile[];
  /** Absolute path of the working directory: created where the image has nothing there. */
  readonly workdir: string;
  /** Where more is mounted. */
  readonly mountPoints: readonly MountPoint[];
}

/** Places where file systems of the kernel are mounted. What is mounted below them has its place there. */
const kernelMountPoints = ["proc", "sys", "dev"];

/**
 * Makes, in `folder`, the lower directory that goes right above the last snapshot of the stack where that has
 * directories without an entry of their own: overlayfs would show them as root's with mode 0755, and they should look
 * as in the layers below (containerd does the same when it unpacks). Returns false where nothing is to be said.
 */
export async function makeParents(stack: readonly Snapshot[], folder: string): Promise<boolean> {
  const below = stack.slice(0, -1);
  let made = false;
  for (const path of stack.at(-1)?.implied ?? []) {
    // Of the root it is the upper directory that counts.
    if (path === "") continue;
    const entry = await lookup(below, path);
    if (entry === undefined || !entry.stats.isDirectory() || isPlain(entry.stats)) continue;
    await repeatDirectory(stack, path, folder);
    made = true;
  }
  return made;
}

/**
 * Makes, in `folder`, the topmost lower directory: files of the machine and mount points. They are real files and
 * directories there, whatever links the image has in their place, so nothing is ever mounted through a link of the
 * image. A file is left out where the image has no directory for it.
 */
export async function makeMachineLayer(
  stack: readonly Snapshot[],
  { files, workdir, mountPoints }: MachineSupplement,
  folder: string,
): Promise<void> {
  for (const path of kernelMountPoints) await makeDirectory(join(folder, path));
  const relative = workdir.split("/").filter(Boolean).join("/");
  if (await isAbsent(stack, relative)) await repeatDirectory(stack, relative, folder);
  for (const { path, text } of files) {
    const parent = dirname(path);
    const entry = await lookup(stack, parent);
    if (entry === undefined || !entry.stats.isDirectory()) continue;
    await repeatDirectory(stack, parent, folder);
    await writeFile(join(folder, path), text, { mode: 0o644 });
  }
  for (const { path, type } of mountPoints) {
    if (kernelMountPoints.includes(path.split("/")[0] ?? "")) continue;
    if ((await lookup(stack, path)) !== undefined) continue;
    await repeatDirectory(stack, type === "directory" ? path : dirname(path), folder);
    if (type === "file") await writeFile(join(folder, path), "", { flag: "a" });
  }
}

/** Whether a directory can be made at a path without covering anything, or standing behind a link. */
async function isAbsent(stack: readonly Snapshot[], path: string): Promise<boolean> {
  const segments = path.split("/");
  for (let length = 1; length <= segments.length; length++) {
    const entry = await lookup(stack, segments.slice(0, length).join("/"));
    if (entry === undefined) return true;
    if (!entry.stats.isDirectory()) return false;
  }
  return false;
}

/** Creates a directory and its parents as the stack shows them. */
async function repeatDirectory(
  stack: readonly Snapshot[],
  path: string,
  folder: string,
): Promise<void> {
  // The root of the image: `dirname` of what is in it.
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  for (let length = 1; length <= segments.length; length++) {
    const part = segments.slice(0, length).join("/");
    const target = join(folder, part);
    const created = await makeDirectory(target);
    const stats = created ? (await lookup(stack, part))?.stats : undefined;
    if (stats !== undefined) await copyAttributes(stats, target);
  }
}

/** Creates a directory with mode 0755, whatever the caller's mask; false where it is there already. */
async function makeDirectory(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    await chmod(path, 0o755);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Gives a file or directory the owner, mode and times of another. */
export async function copyAttributes(stats: Stats, path: string): Promise<void> {
  await chown(path, stats.uid, stats.gid);
  await chmod(path, stats.mode & 0o7777);
  await utimes(path, stats.atime, stats.mtime);
}

function isPlain({ mode, uid, gid }: Stats): boolean {
  return (mode & 0o7777) === 0o755 && uid === 0 && gid === 0;
}
