import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { lookup } from "./layer-stack.ts";
import type { LowerDirectory } from "./merged-tree.ts";
import type { Snapshot } from "./snapshot.ts";
import {
  copyAttributes,
  type MachineFile,
  type MachineSupplement,
  makeMachineLayer,
  makeParents,
} from "./supplement.ts";
import { mappedIds } from "./user-namespace.ts";

/**
 * A root filesystem, ready to be mounted. The mount itself is made by the process that needs it, in a mount namespace
 * of its own (see `enclosure.ts`), so there is never one to clean up.
 */
export interface Rootfs {
  /** Where it is to be mounted. */
  readonly path: string;
  /** The folder to be in when mounting: the names in `options` are relative to it. */
  readonly links: string;
  /** Mount options of overlayfs. */
  readonly options: string;
  /** What a command changes ends up here. */
  readonly upper: string;
  /** Where a file system in memory is to be mounted, for what no disk may see. */
  readonly memory: string;
  /** What the image has, lowest first. */
  readonly image: readonly LowerDirectory[];
  /** What it sees of this machine, on top of the image. */
  readonly machine: LowerDirectory;
}

/**
 * Prepares a writable root filesystem of the snapshots (lowest first) in an empty folder.
 *
 * mount(2) takes one page of options, 4,096 bytes, which some forty paths of snapshots fill; so the lower directories
 * are named by short links, and 128 of them take 500 bytes.
 */
export async function prepareRootfs(
  snapshots: readonly Snapshot[],
  machine: MachineSupplement,
  folder: string,
): Promise<Rootfs> {
  const rootfs = {
    path: join(folder, "rootfs"),
    links: join(folder, "l"),
    upper: join(folder, "upper"),
    memory: join(folder, "memory"),
  };
  for (const path of [
    rootfs.path,
    rootfs.links,
    rootfs.memory,
    join(folder, "work"),
    join(folder, "supplements"),
  ]) {
    await mkdir(path);
  }
  // The upper directory is what the merged root looks like.
  await mkdir(rootfs.upper, { mode: 0o755 });
  const root = await lookup(snapshots, "");
  if (root !== undefined) await copyAttributes(root.stats, rootfs.upper);

  const stack = visible(snapshots);
  const image: LowerDirectory[] = [];
  for (const [index, snapshot] of stack.entries()) {
    image.push({ ...snapshot, attributed: new Set(snapshot.attributed) });
    if (snapshot.implied.every((path) => path === "")) continue;
    const parents = join(folder, "supplements", String(index));
    await mkdir(parents);
    if (await makeParents(stack.slice(0, index + 1), parents)) image.push(plain(parents));
  }
  const top = join(folder, "supplements", "machine");
  await mkdir(top, { mode: 0o755 });
  await makeMachineLayer(stack, machine, top);

  // overlayfs names the highest first.
  const lower = [...image, plain(top)].toReversed();
  const names = lower.map(({ path }, index) => ({ path, name: index.toString(36) }));
  await Promise.all(names.map(({ path, name }) => symlink(path, join(rootfs.links, name))));
  const options = [
    `lowerdir=${names.map(({ name }) => name).join(":")}`,
    "upperdir=../upper",
    "workdir=../work",
    // What is in the upper directory has to be readable as a layer, by itself. In a user namespace, where the marks of
    // overlayfs are kept elsewhere, that is so, and some kernels refuse to be told.
    ...(mappedIds() === undefined ? ["redirect_dir=off", "metacopy=off"] : ["userxattr"]),
    "index=off",
  ];
  return { ...rootfs, options: options.join(","), image, machine: plain(top) };
}

function plain(path: string): LowerDirectory {
  return { path, opaque: [], attributed: new Set() };
}

/** The host's files that a container on the host's network needs to find its way. */
export const machinePaths: readonly string[] = ["etc/hosts", "etc/resolv.conf"];

/** What the host has in them, of those that it has. */
export async function machineFiles(): Promise<MachineFile[]> {
  const files = machinePaths.map(async (path) => {
    const text = await readFile(`/${path}`, "utf8").catch(() => undefined);
    return text === undefined ? [] : [{ path, text }];
  });
  return (await Promise.all(files)).flat();
}

/**
 * Without what is below a layer that hides everything: overlayfs itself does not look at the mark on a root. Of a layer that
 * is there twice only the higher one, which says again all that the lower one does: overlayfs refuses a directory twice.
 */
function visible(snapshots: readonly Snapshot[]): readonly Snapshot[] {
  const from = snapshots.findLastIndex(({ opaque }) => opaque.includes(""));
  const seen = from < 0 ? snapshots : snapshots.slice(from);
  const highest = new Map(seen.map(({ diffId }, index) => [diffId, index]));
  return seen.filter(({ diffId }, index) => highest.get(diffId) === index);
}
