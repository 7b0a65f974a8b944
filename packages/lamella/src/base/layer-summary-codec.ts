import * as z from "zod/mini";
import type { Finding } from "./finding.ts";
import type { LayerSummary } from "./layer-summary.ts";
import { PathTree } from "./path-tree.ts";

/** Version of the recipe by which layers are summarized and the summary written down. */
export const layerSummaryVersion = 1;

const finding = z.custom<Finding>(
  (value) => typeof value === "object" && value !== null && "kind" in value,
);

/** Nobody but us writes summaries, so they are only held to their form. */
const summaryDocument = z.object({
  version: z.literal(layerSummaryVersion),
  /** Path, and mode, owner and group where the layer says them. */
  directories: z.array(
    z.union([z.tuple([z.string(), z.int(), z.int(), z.int()]), z.tuple([z.string()])]),
  ),
  links: z.array(z.tuple([z.string(), z.string()])),
  /** Names of files by their folder. */
  files: z.array(z.tuple([z.string(), z.array(z.string())])),
  findings: z.array(z.tuple([z.string(), finding])),
  hardLinks: z.array(z.tuple([z.string(), z.string()])),
  whiteouts: z.array(z.string()),
  opaque: z.array(z.string()),
});

type SummaryDocument = z.infer<typeof summaryDocument>;

/** A layer's summary as plain data that JSON can hold. */
export function encodeLayerSummary(summary: LayerSummary): object {
  const directories: SummaryDocument["directories"] = [];
  const links: SummaryDocument["links"] = [];
  const files = new Map<string, string[]>();
  const findings: SummaryDocument["findings"] = [];
  const root = summary.tree.get("");
  const nodes = [...(root ? [["", root] as const] : []), ...summary.tree.below("")];
  for (const [path, node] of nodes) {
    if (node.kind === "directory") {
      const { attributes } = node;
      directories.push(
        attributes ? [path, attributes.mode, attributes.uid, attributes.gid] : [path],
      );
      continue;
    }
    if (node.kind === "link") {
      links.push([path, node.target]);
      continue;
    }
    if (node.finding) findings.push([path, node.finding]);
    const slash = path.lastIndexOf("/");
    const folder = path.slice(0, Math.max(0, slash));
    const names = files.get(folder);
    if (names) names.push(path.slice(slash + 1));
    else files.set(folder, [path.slice(slash + 1)]);
  }
  return {
    version: layerSummaryVersion,
    directories,
    links,
    files: [...files],
    findings,
    hardLinks: summary.hardLinks.map(([path, target]) => [path, target]),
    whiteouts: [...summary.whiteouts],
    opaque: [...summary.opaque],
  } satisfies SummaryDocument;
}

/** Throws for what is no summary, and for one of another version. */
export function decodeLayerSummary(value: unknown): LayerSummary {
  const { directories, links, files, findings, hardLinks, whiteouts, opaque } =
    summaryDocument.parse(value);
  const tree = new PathTree();
  for (const [path, mode, uid, gid] of directories) {
    const attributes =
      mode === undefined || uid === undefined || gid === undefined ? undefined : { mode, uid, gid };
    tree.setDirectory(path, attributes);
  }
  for (const [path, target] of links) tree.set(path, { kind: "link", target });
  for (const [folder, names] of files) {
    for (const name of names)
      tree.set(folder === "" ? name : `${folder}/${name}`, { kind: "file" });
  }
  for (const [path, found] of findings) tree.set(path, { kind: "file", finding: found });
  return { tree, hardLinks, whiteouts, opaque };
}
