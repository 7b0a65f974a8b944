import type { BuildResult, LayerReport, PlatformResult } from "../../engine/result.ts";
import {
  fitLine,
  type Line,
  lineWidth,
  printable,
  type Span,
  span,
  textWidth,
  truncate,
} from "../terminal/line.ts";
import { count, formatBytes } from "../terminal/quantity.ts";

interface Row {
  readonly title: string;
  readonly size: number;
  readonly source: string;
  readonly delivery: string;
  /** Whether this build did something for it. */
  readonly worked: boolean;
}

function deliveryWord(delivery: LayerReport["delivery"], target: BuildResult["target"]): string {
  switch (delivery) {
    case "uploaded":
      return target === "layout" ? "written" : "uploaded";
    case "mounted":
      return "mounted";
    case "exists":
      return "there already";
    case "kept":
      return "";
  }
}

/** The layers of one platform, top of the list first on disk: the base's in one row, each of ours in its own. */
export function layerTable(
  { layers }: PlatformResult,
  target: BuildResult["target"],
  columns: number,
): readonly Line[] {
  const base = layers.filter(({ source }) => source === "base");
  const ours = layers.filter(({ source }) => source !== "base");
  const rows = [
    ...(base.length > 0 ? [baseRow(base, target)] : []),
    ...ours.map((layer) => toRow(layer, target)),
  ];
  const sum = layers.reduce((bytes, { size }) => bytes + size, 0);
  return lines(rows, { layers: layers.length, bytes: sum }, columns);
}

function toRow({ title, size, source, delivery }: LayerReport, target: BuildResult["target"]): Row {
  return {
    title: printable(title),
    size,
    source,
    // Its way there is told with the platform that it was made for.
    delivery: source === "shared" ? "" : deliveryWord(delivery, target),
    worked: source === "built" || (source !== "shared" && delivery === "uploaded"),
  };
}

function baseRow(layers: readonly LayerReport[], target: BuildResult["target"]): Row {
  const deliveries = new Set(layers.map(({ delivery }) => deliveryWord(delivery, target)));
  return {
    title: `base, ${count(layers.length, "layer")}`,
    size: layers.reduce((bytes, { size }) => bytes + size, 0),
    source: "base",
    delivery: [...deliveries].filter(Boolean).join(", "),
    worked: false,
  };
}

function lines(
  rows: readonly Row[],
  total: { readonly layers: number; readonly bytes: number },
  columns: number,
): readonly Line[] {
  const sizes = [...rows.map(({ size }) => formatBytes(size)), formatBytes(total.bytes)];
  const sizeWidth = Math.max(...sizes.map(textWidth));
  const sourceWidth = Math.max(...rows.map(({ source }) => source.length), 0);
  const deliveryWidth = Math.max(...rows.map(({ delivery }) => delivery.length), 0);
  const room = columns - 2 - 2 - sizeWidth - 2 - sourceWidth - 2 - deliveryWidth;
  const wanted = Math.max(...rows.map(({ title }) => textWidth(title)), 12);
  const titleWidth = Math.max(12, Math.min(wanted, room));
  const cell = (title: string, size: string): Line => {
    const text = truncate(title, titleWidth);
    const gap = titleWidth - textWidth(text) + 2 + sizeWidth - textWidth(size);
    return [span("  "), span(text), span(`${" ".repeat(gap)}${size}`)];
  };
  const body = rows.map((row): Line => {
    const dim: Partial<Span> = row.worked ? {} : { format: "dim" };
    const status = `  ${row.source.padEnd(sourceWidth)}  ${row.delivery}`.trimEnd();
    return [...cell(row.title, formatBytes(row.size)), span(status)].map((s) => ({ ...s, ...dim }));
  });
  const footer = cell(count(total.layers, "layer"), formatBytes(total.bytes));
  const rule = "─".repeat(Math.max(0, lineWidth(footer) - 2));
  return [...body, [span("  "), span(rule, "dim")], footer].map((line) => fitLine(line, columns));
}
