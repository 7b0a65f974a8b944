import { lstatSync, readlinkSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Directory } from "../files/entry.ts";
import type { LayerEntry } from "../oci/layer-entry.ts";
import type { TarEntry } from "../oci/tar-entry.ts";
import { LayerUnwritableError } from "./error.ts";
import { keptXattrs } from "./kept-xattrs.ts";
import { lastingBytecode } from "./lasting-bytecode.ts";
import type { MergedEntry, MergedTree } from "./merged-tree.ts";

/** The upper directory of an overlay mount, and what was below it. */
export interface Upper {
  /** Absolute path on this machine. */
  readonly path: string;
  /** What the image has. */
  readonly image: MergedTree;
  /** The same with what the command saw of this machine. */
  readonly mounted: MergedTree;
}

/** A directory on the way down. */
interface OpenDirectory {
  readonly path: string;
  /** Its entry, until that is written. */
  pending: LayerEntry | undefined;
  /** Whether nothing of what the image has in it shows through. */
  readonly emptied: boolean;
}

type Xattrs = ReadonlyMap<string, Uint8Array>;

// Kernel documentation, filesystems/overlayfs.rst, "whiteouts and opaque directories".
const opaqueAttributes = ["trusted.overlay.opaque", "user.overlay.opaque"];

/** Bytes that are compared at once. */
const compareBytes = 256 * 1024;

/**
 * What a command changed, as the entries of a layer: `entries` are those of the upper directory, each directory right
 * before what is in it.
 *
 * What is as the image has it, is left out: overlayfs copies a file when it is opened for writing or gets the mode that
 * it has. But the directories that lead to what is changed are there, with owner and mode. The root itself never is, as
 * in Docker's builder.
 *
 * Raises {@link LayerUnwritableError} for names that a layer cannot hold.
 */
export async function* upperEntries(
  entries: AsyncIterable<TarEntry>,
  upper: Upper,
): AsyncGenerator<LayerEntry, void, void> {
  const way: OpenDirectory[] = [];
  const attributed = new Map<string, Xattrs>();
  for await (const entry of entries) {
    while (way.length > 0 && !isWithin(entry.path, (way.at(-1) as OpenDirectory).path)) way.pop();
    const parent = way.at(-1);
    const before = parent?.emptied === true ? undefined : upper.mounted.entry(entry.path);
    switch (entry.kind) {
      case "whiteout":
      case "opaque":
        throw unwritable(entry.path);
      case "directory": {
        const directory = { ...attributes(entry), kind: "directory" } as const;
        const emptied =
          parent?.emptied === true || opaqueAttributes.some((name) => entry.xattrs.has(name));
        way.push({ path: entry.path, pending: directory, emptied });
        if (isChanged(directory, before)) yield* pendingEntries(way);
        // The kernel may mark one where nothing was, to save itself a look.
        if (emptied && parent?.emptied !== true && upper.image.entry(entry.path) !== undefined) {
          yield* pendingEntries(way);
          yield { kind: "opaque", path: entry.path };
        }
        break;
      }
      case "character":
        if (entry.device.major === 0 && entry.device.minor === 0) {
          // One for what only this machine had there says nothing of the image.
          if (upper.image.entry(entry.path) === undefined) break;
          yield* pendingEntries(way);
          yield { kind: "whiteout", path: entry.path };
          break;
        }
        yield* pendingEntries(way);
        yield { ...attributes(entry), kind: "character", device: entry.device };
        break;
      case "block":
        yield* pendingEntries(way);
        yield { ...attributes(entry), kind: "block", device: entry.device };
        break;
      case "fifo":
        yield* pendingEntries(way);
        yield { ...attributes(entry), kind: "fifo" };
        break;
      case "hardlink": {
        yield* pendingEntries(way);
        // Readers give the file its owner again, and with that the kernel takes its capabilities away.
        const xattrs = attributed.get(entry.target);
        const { target } = entry;
        yield { ...attributes(entry), kind: "hardlink", target, ...(xattrs && { xattrs }) };
        break;
      }
      case "symlink":
        if (isSameLink(entry, before) && isOnlyName(upper, entry)) break;
        yield* pendingEntries(way);
        yield { ...attributes(entry), kind: "symlink", target: entry.target };
        break;
      case "file": {
        if (isOnlyName(upper, entry) && (await isSameFile(entry, before, upper))) break;
        yield* pendingEntries(way);
        const { size, content } = entry;
        const own = attributes(entry);
        if (own.xattrs && !isOnlyName(upper, entry)) attributed.set(entry.path, own.xattrs);
        const data = entry.path.endsWith(".pyc")
          ? lastingBytecode(join(upper.path, entry.path), content)
          : content;
        yield {
          ...own,
          kind: "file",
          content: { encoding: "identity", size, data: () => data },
        };
        break;
      }
      default:
        entry satisfies never;
    }
  }
}

function isWithin(path: string, directory: string): boolean {
  return directory === "" ? path !== "" : path.startsWith(`${directory}/`);
}

function attributes(entry: TarEntry): Pick<Directory, "path" | "mode" | "uid" | "gid"> & {
  readonly xattrs?: Xattrs;
} {
  const { path, mode, uid, gid } = entry;
  const xattrs = keptXattrs(entry.xattrs);
  return { path, mode, uid, gid, ...(xattrs.size > 0 && { xattrs }) };
}

/** The entries of the directories on the way that are not written yet. The root needs none: every image has it. */
function* pendingEntries(way: readonly OpenDirectory[]): Generator<LayerEntry, void, void> {
  for (const directory of way) {
    if (directory.pending !== undefined && directory.path !== "") yield directory.pending;
    directory.pending = undefined;
  }
}

function isChanged(
  { mode, uid, gid, xattrs }: Directory & { readonly xattrs?: Xattrs },
  before: MergedEntry | undefined,
): boolean {
  return !(
    before?.stats.isDirectory() === true &&
    !before.attributed &&
    xattrs === undefined &&
    isSameOwner({ mode, uid: uid ?? 0, gid: gid ?? 0 }, before)
  );
}

/** Other names of it that follow need the first. */
function isOnlyName({ path: root }: Upper, { path }: TarEntry): boolean {
  return lstatSync(join(root, path)).nlink === 1;
}

function isSameOwner(
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
  { stats }: MergedEntry,
): boolean {
  return mode === (stats.mode & 0o7777) && uid === stats.uid && gid === stats.gid;
}

function isSameLink(
  { target, uid, gid }: TarEntry & { readonly kind: "symlink" },
  before: MergedEntry | undefined,
): boolean {
  return (
    before?.stats.isSymbolicLink() === true &&
    uid === before.stats.uid &&
    gid === before.stats.gid &&
    target === readlinkSync(before.path)
  );
}

async function isSameFile(
  entry: TarEntry & { readonly kind: "file" },
  before: MergedEntry | undefined,
  upper: Upper,
): Promise<boolean> {
  if (before?.stats.isFile() !== true || before.attributed || keptXattrs(entry.xattrs).size > 0) {
    return false;
  }
  if (before.stats.size !== entry.size || !isSameOwner(entry, before)) return false;
  return await haveSameContent(join(upper.path, entry.path), before.path);
}

async function haveSameContent(a: string, b: string): Promise<boolean> {
  await using first = await open(a);
  await using second = await open(b);
  const buffers = [Buffer.allocUnsafe(compareBytes), Buffer.allocUnsafe(compareBytes)] as const;
  for (;;) {
    const [one, other] = await Promise.all([first.read(buffers[0]), second.read(buffers[1])]);
    const same = buffers[0]
      .subarray(0, one.bytesRead)
      .equals(buffers[1].subarray(0, other.bytesRead));
    if (!same || one.bytesRead === 0) return same;
  }
}

function unwritable(path: string): LayerUnwritableError {
  return new LayerUnwritableError(
    `The command made a file whose name starts with ".wh." at ${JSON.stringify(path.slice(0, 300))}, which removes files in a layer.`,
    "Let the command rename or remove the file.",
  );
}
