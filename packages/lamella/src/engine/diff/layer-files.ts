import { createHash } from "node:crypto";
import type { Digest } from "../../files/digest.ts";
import { decompressLayer } from "../../oci/decompress.ts";
import type { Layer } from "../../oci/descriptor.ts";
import type { TarEntry } from "../../oci/tar-entry.ts";
import { readTar } from "../../oci/tar-reader.ts";

/** What an image has at a path. Times are no part of it: they say nothing about what an image does. */
export interface ImageFile {
  readonly kind: "file" | "directory" | "symlink" | "character" | "block" | "fifo";
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a regular file. */
  readonly size?: number;
  readonly digest?: Digest;
  /** Of a symbolic link. */
  readonly target?: string;
  /** Of a device: its numbers as `major:minor`. */
  readonly device?: string;
  /** Extended attributes, the values in hexadecimal. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** One thing that a layer does to what lies below it. */
export type LayerChange =
  | { readonly kind: "put"; readonly path: string; readonly file: ImageFile }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "whiteout"; readonly path: string }
  | { readonly kind: "opaque"; readonly path: string };

/** What a layer changes, in its order, and the content of a few files that say which packages there are. */
export interface LayerFiles {
  readonly changes: readonly LayerChange[];
  readonly texts: ReadonlyMap<string, string>;
}

/** A file that is kept whole has at most so many bytes. dpkg's list of a desktop has 10 MB. */
const longestText = 64 * 1024 * 1024;

/**
 * Reads a layer: every file's attributes and the digest of its content. `isText` says whose content is kept. Raises what
 * damaged and hostile layers raise.
 */
export async function readLayerFiles(
  layer: Layer,
  blob: AsyncIterable<Uint8Array>,
  isText: (path: string) => boolean,
  signal: AbortSignal,
): Promise<LayerFiles> {
  const changes: LayerChange[] = [];
  const texts = new Map<string, string>();
  const tar = decompressLayer(blob, layer.mediaType, { signal });
  for await (const entry of readTar(tar, { signal })) {
    const { path } = entry;
    // The root itself is in every image.
    if (path === "" && entry.kind !== "opaque") continue;
    if (entry.kind === "whiteout" || entry.kind === "opaque") {
      changes.push({ kind: entry.kind, path });
    } else if (entry.kind === "hardlink") {
      changes.push({ kind: "link", path, target: entry.target });
    } else {
      const keeps = entry.kind === "file" && entry.size <= longestText && isText(path);
      const { file, text } = await readFile(entry, keeps);
      changes.push({ kind: "put", path, file });
      if (text !== undefined) texts.set(path, text);
    }
  }
  return { changes, texts };
}

/** The file of an entry that is one: no whiteout, and no hard link. */
async function readFile(
  entry: TarEntry,
  keeps: boolean,
): Promise<{ readonly file: ImageFile; readonly text?: string }> {
  const { kind, mode, uid, gid, xattrs } = entry;
  const names = [...xattrs.keys()].sort();
  const common = {
    mode,
    uid,
    gid,
    ...(names.length > 0 && {
      xattrs: Object.fromEntries(
        names.map((name) => [name, Buffer.from(xattrs.get(name) ?? []).toString("hex")]),
      ),
    }),
  };
  switch (kind) {
    case "file": {
      const hash = createHash("sha256");
      const kept: Uint8Array[] = [];
      for await (const chunk of entry.content) {
        hash.update(chunk);
        if (keeps) kept.push(Buffer.from(chunk));
      }
      const digest: Digest = `sha256:${hash.digest("hex")}`;
      const file: ImageFile = { kind, ...common, size: entry.size, digest };
      return keeps ? { file, text: Buffer.concat(kept).toString("utf8") } : { file };
    }
    case "symlink":
      return { file: { kind, ...common, target: entry.target } };
    case "character":
    case "block":
      return { file: { kind, ...common, device: `${entry.device.major}:${entry.device.minor}` } };
    case "directory":
    case "fifo":
      return { file: { kind, ...common } };
    case "hardlink":
    case "whiteout":
    case "opaque":
      throw new TypeError(`A ${kind} is no file.`);
  }
}
