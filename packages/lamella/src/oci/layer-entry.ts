import type { Directory, FileEntry, RegularFile } from "../files/entry.ts";

/*
 * What a layer can hold. Wheels and sources are file entries; a command that runs in an image also makes what only a
 * running system has.
 */

interface SpecialBase {
  /** As that of a file entry. */
  readonly path: string;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** Another name of a file (or link, or node) that comes before it in the same layer. */
export interface HardLink extends SpecialBase {
  readonly kind: "hardlink";
  /** Path of the first name. Mode and owner are its own: readers set them again. */
  readonly target: string;
}

export interface DeviceNode extends SpecialBase {
  readonly kind: "character" | "block";
  readonly device: { readonly major: number; readonly minor: number };
}

export interface NamedPipe extends SpecialBase {
  readonly kind: "fifo";
}

/**
 * Removes all that lower layers have in a directory (image-spec layer.md, "Opaque Whiteout"). The directory's own entry
 * comes before it.
 */
export interface OpaqueDirectory {
  readonly kind: "opaque";
  /** Of the directory. */
  readonly path: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** Extended attributes: `security.capability`, `user.*`. */
interface Attributed {
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

export type LayerEntry =
  | FileEntry
  | OpaqueDirectory
  | ((RegularFile | Directory | HardLink | DeviceNode | NamedPipe) & Attributed);
