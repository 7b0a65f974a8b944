import { createHash } from "node:crypto";
import type { Outline } from "../../base/outline.ts";
import { place, resolvePath } from "../../base/placement.ts";
import type { Digest } from "../../files/digest.ts";
import { type FileTree, readFiles, readTree, treeEntries } from "../../files/tree.ts";
import type { ImageDefinition } from "../../image/definition.ts";
import { type SourcePlacement, sourcePlacements } from "../../image/source-placement.ts";
import type { SourceStep } from "../plan.ts";
import type { Session } from "../session.ts";
import { stepKey } from "../step-key.ts";
import type { Ground, Owner } from "./ground.ts";
import type { PreparedSource } from "./prepared-plan.ts";

/** Reads the trees of a definition's sources, each once, however often the image is planned. */
export class SourceTrees {
  readonly #session: Pick<Session, "memo" | "signal">;
  readonly #trees = new Map<string, Promise<FileTree>>();

  constructor(session: Pick<Session, "memo" | "signal">) {
    this.#session = session;
  }

  read(placement: SourcePlacement): Promise<FileTree> {
    const { memo, signal } = this.#session;
    const key = JSON.stringify(placement.kind === "folder" ? placement.source : placement.files);
    const read =
      this.#trees.get(key) ??
      (placement.kind === "folder"
        ? readTree(placement.source, { ignore: placement.ignore, memo, signal })
        : readFiles(placement.files, { memo, signal }));
    this.#trees.set(key, read);
    return read;
  }
}

/** Where the definition's sources go. `workdir` is the base's, `outline` that of what lies below them. */
export function placements(
  definition: ImageDefinition,
  workdir: string | undefined,
  outline: Outline,
): readonly SourcePlacement[] {
  const isDirectory = (path: string): boolean => {
    const physical = resolvePath(outline, path);
    return physical === "" || outline.directories.has(physical);
  };
  return sourcePlacements(definition, { workdir, isDirectory });
}

/** A step that copies files onto the ground. Raises PlacementError. */
export async function sourceStep(
  { destination }: SourcePlacement,
  tree: FileTree,
  { outline, owner }: Pick<Ground, "outline" | "owner">,
): Promise<{ readonly step: SourceStep; readonly source: PreparedSource }> {
  const size = tree.files.reduce((sum, file) => sum + (file.kind === "file" ? file.size : 0), 0);
  const source = { tree, destination, owner, outline };
  const step: SourceStep = {
    kind: "source",
    key: stepKey("source", {
      tree: tree.digest,
      destination,
      placed: await placedDigest(source),
    }),
    needs: "files",
    title: `files in ${destination}`,
    destination,
    tree: tree.digest,
    files: tree.files.filter(({ kind }) => kind === "file").length,
    size,
  };
  return { step, source };
}

/**
 * Of the names that the layer has, with modes and owners. All that the outline decides of the layer is in it, and nothing
 * else of the outline is: where something else of the base changes, the step does not.
 */
async function placedDigest(source: {
  readonly tree: FileTree;
  readonly destination: string;
  readonly owner: Owner;
  readonly outline: Outline;
}): Promise<Digest> {
  const { tree, destination, owner, outline } = source;
  const hash = createHash("sha256");
  for await (const entry of place(outline, treeEntries(tree, destination, owner))) {
    const { kind, path } = entry;
    const { mode, uid, gid } = { mode: 0, uid: 0, gid: 0, ...entry };
    hash.update(JSON.stringify([kind, path, mode, uid, gid]));
  }
  return `sha256:${hash.digest("hex")}`;
}
