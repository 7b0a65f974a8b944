import type { TarEntry } from "../oci/tar-entry.ts";
import { OversizedLayerError } from "./error.ts";
import { findingReader } from "./finding-reader.ts";
import { type FileNode, PathTree } from "./path-tree.ts";

/**
 * What one layer adds and removes. A pure function of the layer, so it is remembered by diff ID, and bases that share
 * layers share the work.
 */
export interface LayerSummary {
  readonly tree: PathTree;
  /** Hard links to files of lower layers: path and target. */
  readonly hardLinks: readonly (readonly [path: string, target: string])[];
  /** Paths that are removed from the layers below. */
  readonly whiteouts: readonly string[];
  /** Directories whose content in the layers below is removed. */
  readonly opaque: readonly string[];
}

/** More names than any layer has that was made in good faith; it bounds the memory that one takes to some 500 MB. */
const mostNames = 2_000_000;

/** Characters of remembered content, over all files of a layer. */
const mostFindings = 128 * 1024 * 1024;

/** Reads a layer's entries. Raises OversizedLayerError, and what the tar reader raises. */
export async function summarizeLayer(entries: AsyncIterable<TarEntry>): Promise<LayerSummary> {
  const tree = new PathTree();
  const hardLinks: [string, string][] = [];
  const whiteouts: string[] = [];
  const opaque: string[] = [];
  let names = 0;
  let findings = 0;
  for await (const entry of entries) {
    names += 1;
    if (names > mostNames) throw oversized(`more than ${mostNames} names`);
    switch (entry.kind) {
      case "whiteout":
        whiteouts.push(entry.path);
        break;
      case "opaque":
        opaque.push(entry.path);
        break;
      case "directory":
        tree.setDirectory(entry.path, { mode: entry.mode, uid: entry.uid, gid: entry.gid });
        break;
      case "symlink":
        tree.set(entry.path, { kind: "link", target: entry.target });
        break;
      case "hardlink": {
        const target = tree.get(entry.target);
        if (target === undefined) hardLinks.push([entry.path, entry.target]);
        tree.set(
          entry.path,
          target?.kind === "link" || target?.kind === "file" ? target : plainFile,
        );
        break;
      }
      case "file": {
        const reader = findingReader(entry.path, entry);
        if (!reader) {
          tree.set(entry.path, plainFile);
          break;
        }
        for await (const chunk of entry.content) reader.write(chunk);
        const finding = reader.finish();
        findings += finding === undefined ? 0 : JSON.stringify(finding).length;
        if (findings > mostFindings) throw oversized("more package metadata than can be read");
        tree.set(entry.path, { kind: "file", finding });
        break;
      }
      case "character":
      case "block":
      case "fifo":
        tree.set(entry.path, plainFile);
    }
  }
  return { tree, hardLinks, whiteouts, opaque };
}

/** The same for all files that nothing is known of. */
const plainFile: FileNode = { kind: "file" };

function oversized(what: string): OversizedLayerError {
  return new OversizedLayerError(
    `A layer of the base has ${what}.`,
    "Use a base that was made in good faith.",
  );
}

/**
 * Puts a layer on what the layers below it have, as image-spec layer.md says ("Applying Changesets"): whiteouts first,
 * for they are about the layers below only; a name of another kind replaces what is there; a directory joins one.
 */
export function applyLayer(filesystem: PathTree, layer: LayerSummary): void {
  for (const path of layer.opaque) filesystem.empty(path);
  for (const path of layer.whiteouts) filesystem.remove(path);
  const root = layer.tree.get("");
  if (root?.kind === "directory") filesystem.setDirectory("", root.attributes);
  // Hard links look at their targets before this layer replaces them: a layer that holds both knows the target itself.
  const linked = layer.hardLinks.map(([path, target]) => [path, filesystem.get(target)] as const);
  for (const [path, node] of layer.tree.below("")) {
    if (node.kind === "directory") filesystem.setDirectory(path, node.attributes);
    else filesystem.set(path, node);
  }
  for (const [path, target] of linked) {
    if (target?.kind === "file" && layer.tree.get(path)?.kind === "file") {
      filesystem.set(path, target);
    }
  }
}
