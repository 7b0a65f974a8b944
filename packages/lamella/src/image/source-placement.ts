import { posix } from "node:path";
import type { IgnoreRules } from "../files/ignore.ts";
import type { NamedFile } from "../files/tree.ts";
import type { ImageDefinition } from "./definition.ts";
import { ignoreRulesFor } from "./ignore-file.ts";
import { normalizeImagePath } from "./image-path.ts";
import { onThisMachine } from "./layers/layer-context.ts";
import { isFolderByItself, namedSources } from "./layers/source-file.ts";
import { folderDestination } from "./layers/source-folder.ts";

/** Where the files of a source layer come from and go to. */
export type SourcePlacement = {
  /** Index into the definition's layers. */
  readonly layer: number;
  /** Absolute folder in the image, links of the base not yet followed: what `treeEntries` takes. */
  readonly destination: string;
} & (
  | {
      readonly kind: "folder";
      /** Absolute, on this machine: what `readTree` takes. */
      readonly source: string;
      readonly ignore: IgnoreRules;
    }
  | {
      readonly kind: "files";
      /** Names below the destination: what `readFiles` takes. */
      readonly files: readonly NamedFile[];
    }
);

/** What the base has to say about placements. */
export interface PlacementBase {
  /** The working directory of the base's config; `/` if absent. */
  readonly workdir?: string | undefined;
  /** Whether the base has a directory, or a link to one, at an absolute path. */
  readonly isDirectory?: (path: string) => boolean;
}

/**
 * Where each source layer of a definition goes. Relative destinations are relative to the workdir at that layer.
 *
 * A single file's destination is its path, unless that is a folder: because it says so (it ends in `/`), because it is
 * or contains a workdir or the destination of a source layer below, or because the base has a folder there.
 *
 * @example
 * ```ts
 * for (const placement of sourcePlacements(image.definition, { workdir: "/" })) console.log(placement.destination);
 * ```
 */
export function sourcePlacements(
  definition: ImageDefinition,
  base: PlacementBase = {},
): readonly SourcePlacement[] {
  let workdir = definition.workdir ?? base.workdir ?? "/";
  const folders = new Set<string>();
  const addFolder = (path: string): void => {
    for (let at = path; !folders.has(at); at = posix.dirname(at)) folders.add(at);
  };
  addFolder(workdir);
  const placements: SourcePlacement[] = [];
  for (const [layer, content] of definition.layers.entries()) {
    if (content.kind === "workdir") {
      workdir = content.path;
      addFolder(workdir);
    } else if (content.kind === "source-folder") {
      const destination = inImage(workdir, folderDestination(content));
      addFolder(destination);
      const source = onThisMachine(definition, content.source);
      const ignore = ignoreRulesFor(source, definition);
      placements.push({ layer, destination, kind: "folder", source, ignore });
    } else if (content.kind === "source-file") {
      const named = inImage(workdir, content.destination ?? ".");
      const files = namedSources(content, definition);
      const isFolder =
        isFolderByItself(content) || folders.has(named) || base.isDirectory?.(named) === true;
      const destination = isFolder ? named : posix.dirname(named);
      addFolder(destination);
      placements.push({
        layer,
        destination,
        kind: "files",
        files: isFolder
          ? files
          : files.map(({ absolute }) => ({ path: posix.basename(named), absolute })),
      });
    }
  }
  return placements;
}

/** The working directory of the finished image; `base` is that of the base's config. Absent where neither says one. */
export function definedWorkdir(
  definition: ImageDefinition,
  base: string | undefined,
): string | undefined {
  const last = definition.layers.findLast((layer) => layer.kind === "workdir");
  return last?.path ?? definition.workdir ?? base;
}

function inImage(workdir: string, path: string): string {
  return normalizeImagePath(posix.resolve("/", workdir, path));
}
