import stringWidth from "fast-string-width";
import type { Format, Paint } from "./paint.ts";

/** A piece of a line: text without control characters, and its style. */
export interface Span {
  readonly text: string;
  readonly format?: Format;
}

/** One line of output, styled only when it is written: so its width is that of its text. */
export type Line = readonly Span[];

export function span(text: string, format?: Format): Span {
  return format === undefined ? { text } : { text, format };
}

// C0, DEL and C1 (Cc); line and paragraph separators (Zl, Zp); marks that turn the writing direction.
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Text from outside as a terminal may show it: names of packages and answers of registries must not move the cursor,
 * nor write a second line.
 */
export function printable(text: string): string {
  return text.replace(unprintable, "\ufffd");
}

/** {@link printable} for what a program writes, which has tabs. */
export function printableOutput(text: string): string {
  return printable(text.replaceAll("\t", "    "));
}

/** Columns that a text takes in a terminal. */
export function textWidth(text: string): number {
  return stringWidth(text);
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + textWidth(text), 0);
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The beginning of `text` that fits into `columns`, with an ellipsis where something was left out. */
export function truncate(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns <= 0) return "";
  let width = 0;
  let end = 0;
  for (const { segment } of graphemes.segment(text)) {
    width += textWidth(segment);
    if (width > columns - 1) break;
    end += segment.length;
  }
  return `${text.slice(0, end)}…`;
}

/** Cuts a line to a width; spans keep their styles. */
export function fitLine(line: Line, columns: number): Line {
  const fitted: Span[] = [];
  let left = columns;
  for (const piece of line) {
    const width = textWidth(piece.text);
    if (width > left) {
      fitted.push({ ...piece, text: truncate(piece.text, left) });
      break;
    }
    fitted.push(piece);
    left -= width;
  }
  return fitted;
}

/** Left and right text on one line; the right one is dropped where there is no room for both. */
export function spread(left: Line, right: Line, columns: number): Line {
  const rightWidth = lineWidth(right);
  const room = columns - rightWidth - 2;
  if (rightWidth === 0 || room < 20) return fitLine(left, columns);
  const fitted = fitLine(left, room);
  return [...fitted, span(" ".repeat(columns - rightWidth - lineWidth(fitted))), ...right];
}

export function paintLine(line: Line, paint: Paint): string {
  return line
    .map(({ text, format }) => (format === undefined || text === "" ? text : paint(format, text)))
    .join("");
}
