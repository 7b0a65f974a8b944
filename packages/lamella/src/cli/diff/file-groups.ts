import type { FileChange } from "../../engine/diff/compare-images.ts";

/** A changed file, or a folder with several. */
export type FileGroup =
  | { readonly kind: "file"; readonly change: FileChange }
  | {
      readonly kind: "folder";
      /** Absolute. */
      readonly path: string;
      readonly added: number;
      readonly removed: number;
      readonly changed: number;
    };

/**
 * Files as a list of at most so many lines: each by itself if that is few enough, else the folders that they are in, from
 * as deep as there is room for. A folder with one file is shown as that file. In the files' order.
 */
export function groupFiles(files: readonly FileChange[], most: number): readonly FileGroup[] {
  let depth = Math.max(1, ...files.map(({ path }) => segments(path).length));
  let groups = atDepth(files, depth);
  while (groups.length > most && depth > 1) groups = atDepth(files, --depth);
  return groups;
}

function atDepth(files: readonly FileChange[], depth: number): readonly FileGroup[] {
  const folders = new Map<string, FileChange[]>();
  for (const file of files) {
    const path = `/${segments(file.path).slice(0, depth).join("/")}`;
    folders.set(path, [...(folders.get(path) ?? []), file]);
  }
  return [...folders].map(([path, inside]): FileGroup => {
    const [only, second] = inside;
    if (only && !second) return { kind: "file", change: only };
    const tally = { added: 0, removed: 0, changed: 0 };
    for (const { before, after } of inside) {
      tally[before && after ? "changed" : after ? "added" : "removed"]++;
    }
    return { kind: "folder", path, ...tally };
  });
}

function segments(path: string): readonly string[] {
  return path.split("/").filter(Boolean);
}
