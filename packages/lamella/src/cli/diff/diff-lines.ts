import type {
  Change,
  ImageDiff,
  ImageSummary,
  LayerSummary,
  NamedChange,
  PackageChange,
} from "../../engine/diff/compare-images.ts";
import type { ImageFile } from "../../engine/diff/layer-files.ts";
import { type Line, printable, span, textWidth } from "../terminal/line.ts";
import { count, formatBytes } from "../terminal/quantity.ts";
import { type FileGroup, groupFiles } from "./file-groups.ts";

/** Lines that the files may take. */
const mostFileLines = 40;

/** The variable that tells an image its name: it differs whenever anything does, and says nothing more. */
const ownName = "_F_IMG_ID";

/** How two images differ, for people: a section for each sort of difference that there is. */
export function diffLines(diff: ImageDiff): readonly Line[] {
  const { before, after, packages, layers, config, labels, files } = diff;
  const env = diff.env.filter(({ name }) => name !== ownName);
  const sections = [
    ...section(tally("package", packages), packages.map(packageRow)),
    ...section(layersHeading(layers), [
      ...layers.removed.map((layer) => layerRow("-", layer)),
      ...layers.added.map((layer) => layerRow("+", layer)),
    ]),
    ...section(tally("variable", env), env.map(namedRow)),
    ...section(tally("setting", config), config.map(namedRow)),
    ...section(tally("label", labels), labels.map(namedRow)),
    ...section(tally("file", files), groupFiles(files, mostFileLines).map(fileRow)),
  ];
  return [
    ...summaryLines(before, after),
    ...(sections.length > 0 ? sections : [[], [span(sameWords(diff))]]),
  ];
}

function sameWords({ env }: ImageDiff): string {
  return env.length === 0 ? "The images do not differ." : "The images differ in their names alone.";
}

function widest(texts: readonly string[]): number {
  return Math.max(...texts.map(textWidth));
}

function summaryLines(before: ImageSummary, after: ImageSummary): readonly Line[] {
  const growth = after.size - before.size;
  const sign = growth < 0 ? "-" : "+";
  const sizes = [before, after].map(({ size }) => formatBytes(size));
  const names = [before, after].map(({ name }) => printable(name));
  return [before, after].map(({ platform, layers, size }, index): Line => {
    const name = (names[index] ?? "").padEnd(widest(names));
    const bytes = formatBytes(size).padStart(widest(sizes));
    const more = index === 1 && growth !== 0 ? `  ${sign}${formatBytes(Math.abs(growth))}` : "";
    return [
      span(index === 0 ? "- " : "+ ", index === 0 ? "red" : "green"),
      span(name, "bold"),
      span(`  ${platform}  ${bytes} in ${count(layers, "layer")}${more}`),
    ];
  });
}

/** `3 packages: 1 added, 2 changed`. */
function tally(noun: string, changes: readonly Change<unknown>[]): string {
  const number = (wanted: (change: Change<unknown>) => boolean, word: string): string[] => {
    const found = changes.filter(wanted).length;
    return found > 0 ? [`${found} ${word}`] : [];
  };
  const parts = [
    ...number(({ before }) => before === undefined, "added"),
    ...number(({ after }) => after === undefined, "removed"),
    ...number(({ before, after }) => before !== undefined && after !== undefined, "changed"),
  ];
  return `${count(changes.length, noun)}: ${parts.join(", ")}`;
}

function layersHeading({ removed, added, same }: ImageDiff["layers"]): string {
  const parts = [
    ...(added.length > 0 ? [`${added.length} added`] : []),
    ...(removed.length > 0 ? [`${removed.length} removed`] : []),
    `${same} the same`,
  ];
  return `${count(removed.length + added.length, "layer")}: ${parts.join(", ")}`;
}

type Mark = "+" | "-" | "~";

/** Mark, name, and what it was and is. */
type Row = readonly [Mark, ...string[]];

function markOf({ before, after }: Change<unknown>): Mark {
  if (before === undefined) return "+";
  return after === undefined ? "-" : "~";
}

function packageRow(change: PackageChange): Row {
  const { kind, name } = change;
  return [markOf(change), name, transition(change, String), kind === "debian" ? "Debian" : ""];
}

function layerRow(mark: Mark, { title, size }: LayerSummary): Row {
  return [mark, formatBytes(size).padStart(8), title.replaceAll(/\s+/g, " ").slice(0, 100)];
}

function namedRow<T>(change: NamedChange<T>): Row {
  const shown = (value: T): string => (typeof value === "string" ? value : JSON.stringify(value));
  return [markOf(change), change.name, transition(change, shown)];
}

function transition<T>({ before, after }: Change<T>, shown: (value: T) => string): string {
  return [before, after].flatMap((value) => (value === undefined ? [] : shown(value))).join(" → ");
}

function fileRow(group: FileGroup): Row {
  if (group.kind === "file") {
    const { path, ...change } = group.change;
    return [markOf(change), path, fileWords(change)];
  }
  const { path, added, removed, changed } = group;
  const mark = changed > 0 || (added > 0 && removed > 0) ? "~" : added > 0 ? "+" : "-";
  const parts = [
    ...(added > 0 ? [`${added} added`] : []),
    ...(removed > 0 ? [`${removed} removed`] : []),
    ...(changed > 0 ? [`${changed} changed`] : []),
  ];
  return [mark, `${path}/`, parts.join(", ")];
}

function fileWords({ before, after }: Change<ImageFile>): string {
  if (!before || !after) return oneFile(after ?? before);
  if (before.kind !== after.kind) return `${oneFile(before)} → ${oneFile(after)}`;
  const content =
    before.size === after.size
      ? "other content"
      : transition({ before, after }, ({ size = 0 }) => formatBytes(size));
  return [
    ...(before.digest === after.digest ? [] : [content]),
    ...(before.target === after.target ? [] : [`${before.target} → ${after.target}`]),
    ...(before.mode === after.mode ? [] : [`${octal(before.mode)} → ${octal(after.mode)}`]),
    ...(owner(before) === owner(after) ? [] : [`owner ${owner(before)} → ${owner(after)}`]),
    ...(before.device === after.device ? [] : [`${before.device} → ${after.device}`]),
    ...(JSON.stringify(before.xattrs) === JSON.stringify(after.xattrs)
      ? []
      : ["extended attributes"]),
  ].join(", ");
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

function owner({ uid, gid }: ImageFile): string {
  return `${uid}:${gid}`;
}

function oneFile(file: ImageFile | undefined): string {
  switch (file?.kind) {
    case "file":
      return formatBytes(file.size ?? 0);
    case "symlink":
      return `link to ${file.target}`;
    case "character":
    case "block":
      return `${file.kind} device ${file.device}`;
    case "directory":
    case "fifo":
      return file.kind;
    case undefined:
      return "";
  }
}

const colors = { "+": "green", "-": "red", "~": "yellow" } as const;

/** A heading and its rows; of each row all cells but the last are as wide as the widest of their column. */
function section(heading: string, rows: readonly Row[]): readonly Line[] {
  if (rows.length === 0) return [];
  const cells = rows.map(([, ...texts]) => texts.map(printable));
  // One long name must not push the others away.
  const width = Math.min(60, widest(cells.map(([name = ""]) => name)));
  const second = widest(cells.map(([, text = ""]) => text));
  return [
    [],
    [span(heading, "bold")],
    ...rows.map(([mark], index): Line => {
      const [name = "", text = "", note = ""] = cells[index] ?? [];
      const gap = " ".repeat(Math.max(0, width - textWidth(name)) + 2);
      const noteGap = note === "" ? "" : " ".repeat(second - textWidth(text) + 2);
      return [
        span(`  ${mark} `, colors[mark]),
        span(text === "" ? name : `${name}${gap}${text}`),
        span(`${noteGap}${note}`, "dim"),
      ];
    }),
  ];
}
