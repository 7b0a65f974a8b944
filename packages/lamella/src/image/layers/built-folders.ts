import type { IgnoreRules } from "../../files/ignore.ts";
import type { SlicedWork } from "../../files/sliced-work.ts";
import { treeWork } from "../../files/tree.ts";
import type { Problem } from "../error.ts";
import type { LayerContext } from "./layer-context.ts";
import { worldProblems } from "./world.ts";

/** A folder of this machine that a project's lock names and a build makes a package of. */
export interface BuiltFolder {
  /** Absolute. */
  readonly folder: string;
  readonly ignore: IgnoreRules;
}

/** What of the folders decides what is in the image: the digest of each one's tree. */
export function* folderDigests(
  folders: Iterable<BuiltFolder>,
  { memo }: LayerContext,
): SlicedWork<readonly string[]> {
  const digests: string[] = [];
  for (const { folder, ignore } of folders) {
    digests.push((yield* treeWork(folder, { ignore, memo })).digest);
  }
  return digests;
}

/** What is wrong with folders that a lock names. */
export function folderProblems(folders: readonly string[]): readonly Problem[] {
  return folders.flatMap((folder) => worldProblems(folder, "its lock names", "folder"));
}
