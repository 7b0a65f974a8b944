import type { ImageFile, LayerFiles } from "./layer-files.ts";

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
  for (const { changes, texts: own } of layers) {
    // Removals are of what lies below, wherever in the layer they stand.
    for (const { kind, path } of changes) {
      if (kind === "whiteout") files.delete(path);
      if (kind === "whiteout" || kind === "opaque") removeBelow(files, path);
    }
    for (const change of changes) {
      if (change.kind === "whiteout" || change.kind === "opaque") continue;
      const { path } = change;
      const file = change.kind === "put" ? change.file : files.get(change.target);
      if (!file) continue;
      if (file.kind !== "directory" && files.get(path)?.kind === "directory") {
        removeBelow(files, path);
      }
      files.set(path, file);
      texts.delete(path);
      const text = own.get(change.kind === "put" ? path : change.target);
      if (text !== undefined) texts.set(path, text);
    }
  }
  return { files, texts };
}

function removeBelow(files: Map<string, ImageFile>, path: string): void {
  const prefix = path === "" ? "" : `${path}/`;
  for (const name of files.keys()) if (name.startsWith(prefix)) files.delete(name);
}
