import { textWidth } from "./line.ts";

/** Lays cells out in columns, two spaces apart and each as wide as its widest cell. No space is left at the end of a line. */
export function table(
  rows: readonly (readonly string[])[],
  alignments: readonly ("left" | "right")[],
): readonly string[] {
  const widths = alignments.map((_, column) =>
    Math.max(0, ...rows.map((row) => textWidth(row[column] ?? ""))),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const space = " ".repeat((widths[column] ?? 0) - textWidth(cell));
        return alignments[column] === "right" ? space + cell : cell + space;
      })
      .join("  ")
      .trimEnd(),
  );
}
