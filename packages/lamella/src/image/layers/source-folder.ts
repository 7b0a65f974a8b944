import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { LamellaError } from "../../error.ts";
import type { CanonicalValue } from "../../files/canonical.ts";
import { FileKindError, MissingFileError } from "../../files/error.ts";
import type { SlicedWork } from "../../files/sliced-work.ts";
import { type FileTree, treeWork } from "../../files/tree.ts";
import { walk } from "../../files/walk.ts";
import { requireBoolean, requireOptions, requirePath, show } from "../argument.ts";
import { DefinitionError, type Problem } from "../error.ts";
import { ignoreRulesFor } from "../ignore-file.ts";
import { normalizeImagePath, requireImagePath } from "../image-path.ts";
import { present } from "../present.ts";
import { type LayerContext, onThisMachine } from "./layer-context.ts";
import { relativePathsHint, worldProblems } from "./world.ts";

/** Options of {@link Image.withSourceFolder}. */
export interface SourceFolderOptions {
  /** Without a destination: copies what is in the folder to the workdir, and not the folder itself. */
  readonly copyContentsOnly?: boolean | undefined;
}

/** A folder of this machine, copied. */
export interface SourceFolderLayer {
  readonly kind: "source-folder";
  /** Absolute, or relative to the definition's root. */
  readonly source: string;
  /** In the image; absent for below the workdir. */
  readonly destination?: string;
  readonly copyContentsOnly?: boolean;
}

const call = "withSourceFolder";

export function sourceFolderLayer(
  source: unknown,
  destination: unknown,
  options: unknown,
): SourceFolderLayer {
  const path = requirePath(source, `${call}: the folder`);
  const known = requireOptions(options, call, ["copyContentsOnly"]);
  const layer: SourceFolderLayer = {
    kind: "source-folder",
    source: path,
    ...present({
      destination:
        destination === undefined
          ? undefined
          : requireImagePath(destination, `${call}: the destination`),
      copyContentsOnly:
        known.copyContentsOnly === undefined
          ? undefined
          : requireBoolean(known.copyContentsOnly, `${call}: copyContentsOnly`),
    }),
  };
  // What the folder is called would depend on the machine: `.` in one checkout is `main`, in another `lamella`.
  if (folderDestination(layer) === "." && !layer.copyContentsOnly) {
    throw new DefinitionError(
      `${call}: ${show(path)} has no name of its own to be copied under.`,
      'Give a destination, as in ("/app"), or { copyContentsOnly: true }.',
    );
  }
  return layer;
}

/**
 * Where the folder's content goes: absolute, or relative to the workdir.
 *
 * A destination is where the content goes, as in a Dockerfile's COPY. Without one, or with `.`, which the Python SDK has
 * as its default, the folder goes below the workdir under its own name, or its content into the workdir.
 */
export function folderDestination(layer: SourceFolderLayer): string {
  const given = layer.destination === undefined ? "." : normalizeImagePath(layer.destination);
  if (given !== "." || layer.copyContentsOnly) return given;
  const name = basename(layer.source);
  return name === "" || name === "." || name === ".." ? "." : name;
}

export function* encodeSourceFolder(
  layer: SourceFolderLayer,
  context: LayerContext,
): SlicedWork<CanonicalValue> {
  const tree = yield* sourceTree(layer, context);
  return { destination: folderDestination(layer), tree: tree.digest };
}

/** The folder's files. An error about the folder itself names the call that wants it. */
function* sourceTree(layer: SourceFolderLayer, context: LayerContext): SlicedWork<FileTree> {
  try {
    const folder = onThisMachine(context, layer.source);
    const ignore = ignoreRulesFor(folder, context);
    return yield* treeWork(folder, { ignore, memo: context.memo });
  } catch (error) {
    const who = `${call}(${show(layer.source)})`;
    if (error instanceof MissingFileError) {
      throw new MissingFileError(`${who}: ${error.message}`, relativePathsHint, { cause: error });
    }
    if (error instanceof FileKindError) {
      throw new FileKindError(`${who}: ${error.message}`, error.hint, { cause: error });
    }
    throw error;
  }
}

export function* sourceFolderProblems(
  layer: SourceFolderLayer,
  context: LayerContext,
): SlicedWork<readonly Problem[]> {
  const folder = onThisMachine(context, layer.source);
  const problems = worldProblems(folder, "it names", "folder");
  if (problems.length > 0) return problems;
  try {
    const found = yield* walk(folder, ignoreRulesFor(folder, context));
    if (found.length > 0 || readdirSync(folder).length === 0) return [];
    return [
      {
        message: `nothing is left of ${folder} when what is ignored is left out.`,
        hint: "Take the rule away that ignores it, or keep something by an exception: !path.",
      },
    ];
  } catch (error) {
    if (!(error instanceof LamellaError)) throw error;
    return [{ message: error.message, hint: error.hint }];
  }
}
