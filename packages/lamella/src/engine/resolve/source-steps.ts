import type { Outline } from "../../base/outline.ts";
import { resolvePath } from "../../base/placement.ts";
import { type FileTree, readFiles, readTree } from "../../files/tree.ts";
import type { ImageDefinition } from "../../image/definition.ts";
import { type SourcePlacement, sourcePlacements } from "../../image/source-placement.ts";
import type { SourceStep } from "../plan.ts";
import type { Session } from "../session.ts";
import { stepKey } from "../step-key.ts";
import type { Ground } from "./ground.ts";
import type { PreparedSource } from "./prepared-plan.ts";

/** The files of a source layer, hashed. */
export interface HashedSource {
  readonly placement: SourcePlacement;
  readonly tree: FileTree;
}

/** Hashes what the definition's source layers copy. `workdir` and `outline` are the base's. */
export async function hashSources(
  definition: ImageDefinition,
  workdir: string | undefined,
  outline: Outline,
  { memo, signal }: Pick<Session, "memo" | "signal">,
): Promise<HashedSource[]> {
  const isDirectory = (path: string): boolean => {
    const physical = resolvePath(outline, path);
    return physical === "" || outline.directories.has(physical);
  };
  const hashed: HashedSource[] = [];
  for (const placement of sourcePlacements(definition, { workdir, isDirectory })) {
    const tree =
      placement.kind === "folder"
        ? await readTree(placement.source, { memo, signal })
        : await readFiles(placement.files, { memo, signal });
    hashed.push({ placement, tree });
  }
  return hashed;
}

/** A step that copies files onto the ground. */
export function sourceStep(
  { placement, tree }: HashedSource,
  { outline, outlineDigest, owner }: Ground,
): { readonly step: SourceStep; readonly source: PreparedSource } {
  const { destination } = placement;
  const size = tree.files.reduce((sum, file) => sum + (file.kind === "file" ? file.size : 0), 0);
  const step: SourceStep = {
    kind: "source",
    key: stepKey("source", {
      tree: tree.digest,
      destination,
      uid: String(owner.uid),
      gid: String(owner.gid),
      // Where the base's links lead, and whose its directories are.
      outline: outlineDigest,
    }),
    needs: "files",
    title: `files in ${destination}`,
    destination,
    tree: tree.digest,
    files: tree.files.filter(({ kind }) => kind === "file").length,
    size,
  };
  return { step, source: { tree, destination, owner, outline } };
}
