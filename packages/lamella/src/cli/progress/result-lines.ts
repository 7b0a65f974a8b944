import type { BuildResult } from "../../engine/result.ts";
import { type Line, printable, span } from "../terminal/line.ts";
import { count, formatBytes, formatSeconds } from "../terminal/quantity.ts";
import { layerTable } from "./layer-table.ts";

/**
 * What a finished build says: the image's name and digest, its layers, and what it took. The table is cut to `columns`;
 * names and digests are not, since people copy them.
 */
export function resultLines(result: BuildResult, columns: number): readonly Line[] {
  const blank: Line = [];
  return [
    [span(printable(result.uri), "bold")],
    [span(result.digest)],
    ...upgradeLine(result),
    ...result.tags
      .filter((tag) => !result.uri.endsWith(`:${tag}`))
      .map((tag): Line => [span(`also tagged ${printable(tag)}`)]),
    ...result.platforms.flatMap((platform) => [
      blank,
      ...(result.platforms.length > 1
        ? [[span(platform.platform, "bold"), span(`  ${platform.digest}`, "dim")]]
        : []),
      ...layerTable(platform, result.target, columns),
    ]),
    blank,
    [span(closingWords(result))],
  ];
}

/** What an upgrade made of what the tag was. */
function upgradeLine({ previous, digest }: BuildResult): readonly Line[] {
  if (previous === undefined) return [];
  return [[span(previous === digest ? "the same as before" : `was ${previous}`)]];
}

function closingWords(result: BuildResult): string {
  const time = formatSeconds(result.milliseconds);
  if (result.upToDate)
    return `Nothing to build: the tag is there already (--force builds). ${time}`;
  const layers = result.platforms.flatMap((platform) => platform.layers);
  const built = layers.filter(({ source }) => source === "built").length;
  const made = `${count(built, "layer")} built`;
  switch (result.target) {
    case "registry":
      return `${made}, ${formatBytes(result.uploaded)} uploaded in ${time}`;
    case "layout":
      return `${made}, ${formatBytes(result.uploaded)} written to the layout in ${time}`;
    case "store":
      return `${made} in ${time}; kept in the local store, not pushed (the image names no registry)`;
  }
}
