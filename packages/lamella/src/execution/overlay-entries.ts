import type { TarEntry } from "../oci/tar-reader.ts";
import { LayerUnpackError } from "./error.ts";
import { keptXattrs } from "./kept-xattrs.ts";
import { LayerTree } from "./layer-tree.ts";
import { type ExtractionHeader, encodeExtractionHeader } from "./overlay-tar.ts";

/** What an unpacked layer does not say by itself, so that it can be stacked. */
export interface SnapshotRecord {
  /** Directories without an entry in the layer: their mode and owner are those of the layers below. */
  readonly implied: readonly string[];
  /** Directories that hide what the layers below have in them. */
  readonly opaque: readonly string[];
  /** Paths of what has extended attributes of its own. */
  readonly attributed: readonly string[];
}

type DirectoryHeader = ExtractionHeader & { readonly kind: "directory" };

// Kernel documentation, filesystems/overlayfs.rst, "whiteouts and opaque directories".
const opaqueNames = { root: "trusted.overlay.opaque", mapped: "user.overlay.opaque" };
const whiteoutDevice = { major: 0, minor: 0 };

/**
 * Turns the entries of a layer into those of its overlayfs lower directory. `headers` takes an entry and gives what to
 * write for it before its content; `end` what to write after all.
 */
export class OverlayEntries {
  readonly #pending: Uint8Array[] = [];
  readonly #directories = new Map<string, DirectoryHeader>();
  readonly #whiteouts = new Set<string>();
  readonly #opaque = new Set<string>();
  readonly #attributed = new Set<string>();
  readonly #tree = new LayerTree((path) => this.#imply(path));
  readonly #mapped: boolean;

  /**
   * `mapped` says that it is for a user namespace: the kernel wants its marks elsewhere, and device nodes cannot be made
   * and are left out.
   */
  constructor(options: { readonly mapped?: boolean } = {}) {
    this.#mapped = options.mapped ?? false;
  }

  /** The header blocks for one entry; whiteouts give none, since what they mean is known at the end. */
  headers(entry: TarEntry): Uint8Array[] {
    const header = this.#header(entry);
    if (header !== undefined) {
      if (isDirectoryHeader(header)) this.#directories.set(header.path, header);
      this.#pending.push(encodeExtractionHeader(header));
    }
    return this.#pending.splice(0);
  }

  /** What stands at the end of the tar, and what is to be remembered of the layer. */
  end(): { readonly blocks: Uint8Array[]; readonly record: SnapshotRecord } {
    for (const path of this.#whiteouts) {
      switch (this.#tree.kind(path)) {
        case undefined:
          this.#pending.push(encodeExtractionHeader(whiteout(path)));
          break;
        case "directory":
        case "implied":
          // Whiteouts are about lower layers only: the directory stays, and what was in it before is gone.
          this.#opaque.add(path);
          break;
        case "symlink":
        case "other":
          // A file hides what is below it anyway.
          break;
      }
    }
    for (const path of this.#opaque) {
      const directory = this.#directories.get(path) ?? impliedDirectory(path);
      const mark = this.#mapped ? opaqueNames.mapped : opaqueNames.root;
      const xattrs = new Map([...(directory.xattrs ?? []), [mark, Buffer.from("y")]]);
      this.#pending.push(encodeExtractionHeader({ ...directory, xattrs }));
    }
    // Two blocks of zeros end a tar.
    this.#pending.push(Buffer.alloc(1024));
    const record = {
      implied: this.#tree.impliedDirectories(),
      opaque: [...this.#opaque].sort(),
      attributed: [...this.#attributed].sort(),
    };
    return { blocks: this.#pending.splice(0), record };
  }

  #header(entry: TarEntry): ExtractionHeader | undefined {
    if (entry.kind === "opaque") {
      this.#opaque.add(this.#tree.directory(entry.path));
      return undefined;
    }
    const path = entry.path === "" ? "" : this.#tree.place(entry.path);
    const { mode, uid, gid, mtime } = entry;
    const xattrs = keptXattrs(entry.xattrs);
    if (xattrs.size > 0) this.#attributed.add(path);
    const common = { path, mode, uid, gid, mtime, xattrs };
    switch (entry.kind) {
      case "file":
        this.#tree.set(path, "other");
        return { ...common, kind: "file", size: entry.size };
      case "directory":
        this.#tree.set(path, "directory");
        return { ...common, kind: "directory" };
      case "symlink":
        this.#tree.set(path, "symlink", entry.target);
        return { ...common, kind: "symlink", target: entry.target };
      case "hardlink": {
        const target = this.#tree.place(entry.target);
        const kind = this.#tree.kind(target);
        if (kind !== "other" && kind !== "symlink") throw badHardLink(entry.path, entry.target);
        this.#tree.set(path, kind, this.#tree.linkTarget(target));
        return { ...common, kind: "hardlink", target };
      }
      case "character":
      case "block":
        this.#tree.set(path, "other");
        if (this.#mapped) return undefined;
        return { ...common, kind: entry.kind, device: entry.device };
      case "fifo":
        this.#tree.set(path, "other");
        return { ...common, kind: "fifo" };
      case "whiteout":
        this.#whiteouts.add(path);
        return undefined;
      default:
        return entry.kind satisfies never;
    }
  }

  #imply(path: string): void {
    this.#pending.push(encodeExtractionHeader(impliedDirectory(path)));
  }
}

function isDirectoryHeader(header: ExtractionHeader): header is DirectoryHeader {
  return header.kind === "directory";
}

function whiteout(path: string): ExtractionHeader {
  return { path, kind: "character", mode: 0, uid: 0, gid: 0, mtime: 0, device: whiteoutDevice };
}

function impliedDirectory(path: string): DirectoryHeader {
  return { path, kind: "directory", mode: 0o755, uid: 0, gid: 0, mtime: 0 };
}

function badHardLink(path: string, target: string): LayerUnpackError {
  return new LayerUnpackError(
    `A layer's ${JSON.stringify(path.slice(0, 300))} is a hard link to ${JSON.stringify(target.slice(0, 300))}, which is no file of that layer.`,
    "Docker and containerd cannot unpack such a layer either. Build the image anew with another tool.",
  );
}
