import type { Measure } from "./measure.ts";
import type { Row, Summary } from "./samples.ts";

/** The rows as text: median (least–most) of each side, the ratio, and what it should be at most. */
export function formatTable(rows: readonly Row[]): string {
  const lines = [
    ["", "Lamella", "BuildKit", "ratio", "wanted"],
    ...rows.map((row) => [
      row.title,
      formatSummary(row.lamella, row.unit),
      formatSummary(row.buildkit, row.unit),
      row.ratio === undefined ? "" : row.ratio.toFixed(3),
      row.wanted === undefined ? "" : `≤ ${row.wanted}`,
    ]),
  ];
  const widths = lines[0]?.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => {
          const width = widths?.[column] ?? 0;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
}

function formatSummary(summary: Summary | undefined, unit: Measure["unit"]): string {
  if (!summary) return "";
  const { samples, median, least, most } = summary;
  const range =
    samples.length < 2 ? "" : ` (${formatNumber(least, unit)}–${formatNumber(most, unit)})`;
  return `${formatNumber(median, unit)} ${unitNames[unit]}${range}`;
}

const unitNames = { seconds: "s", bytes: "MB" } as const satisfies Record<Measure["unit"], string>;

function formatNumber(value: number, unit: Measure["unit"]): string {
  const number = unit === "bytes" ? value / 1e6 : value;
  return number.toFixed(number < 1 ? 3 : 2);
}
