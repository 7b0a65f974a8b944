import type { ImageFile, LayerChange, LayerFiles } from "./layer-files.ts";

/** An image's files by path, and the content of a few of them. */
export interface ImageFiles {
  readonly files: ReadonlyMap<string, ImageFile>;
  readonly texts: ReadonlyMap<string, string>;
}

/**
 * Lays layers over each other, the lowest first (image-spec layer.md, "Applying Changesets"): what a container of the image
 * would see.
 */
export function mergeLayers(layers: readonly LayerFiles[]): ImageFiles {
  const files = new Map<string, ImageFile>();
  const texts = new Map<string, string>();
  const remove = (path: string): void => {
    files.delete(path);
    texts.delete(path);
  };
  for (const { changes, texts: own } of layers) {
    // Removals are of what lies below, wherever in the layer they stand.
    const hidden = new Set<string>();
    for (const change of changes) {
      const { kind, path } = change;
      if (kind === "whiteout") remove(path);
      if (kind === "whiteout" || kind === "opaque" || replacesDirectory(change, files)) {
        hidden.add(path);
      }
    }
    // One look at each file, however many directories those are.
    if (hidden.size > 0) {
      for (const path of files.keys()) if (isBelow(path, hidden)) remove(path);
    }
    for (const change of changes) {
      if (change.kind === "whiteout" || change.kind === "opaque") continue;
      const { path } = change;
      const file = change.kind === "put" ? change.file : files.get(change.target);
      if (!file) continue;
      files.set(path, file);
      texts.delete(path);
      const text = own.get(change.kind === "put" ? path : change.target);
      if (text !== undefined) texts.set(path, text);
    }
  }
  return { files, texts };
}

/** Whether something that is no directory comes into the place of one. */
function replacesDirectory(change: LayerChange, files: ReadonlyMap<string, ImageFile>): boolean {
  if (files.get(change.path)?.kind !== "directory") return false;
  // A directory has no hard links.
  return change.kind === "link" || (change.kind === "put" && change.file.kind !== "directory");
}

/** Whether one of the directories that lead to a path is among these; the root is `""`. */
function isBelow(path: string, directories: ReadonlySet<string>): boolean {
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (directories.has(path.slice(0, end))) return true;
  }
  return path !== "" && directories.has("");
}
