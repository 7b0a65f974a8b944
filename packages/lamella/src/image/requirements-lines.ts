/** A line of a requirements file, as pip reads it: joined where it goes on, without its comment. */
export interface LogicalLine {
  readonly line: string;
  /** Of its first line in the file, from 1. */
  readonly number: number;
}

/**
 * The lines of a requirements file (pip, "Requirements File Format"): joined at a trailing `\`, without comments (a `#`
 * at the start or after white space) and blank lines. A comment line ends a line that was to go on.
 */
export function logicalLines(text: string): readonly LogicalLine[] {
  const lines: LogicalLine[] = [];
  let begun: LogicalLine | undefined;
  const finish = ({ line, number }: LogicalLine): void => {
    const bare = line.replace(/(^|\s)#.*$/s, "").trim();
    if (bare !== "") lines.push({ line: bare, number });
    begun = undefined;
  };
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\n|\r/)
    .entries()) {
    const { line, number } = begun ?? { line: "", number: index + 1 };
    if (/^\s*#/.test(raw)) finish({ line, number });
    else if (raw.endsWith("\\")) begun = { line: line + raw.slice(0, -1), number };
    else finish({ line: line + raw, number });
  }
  if (begun !== undefined) finish(begun);
  return lines;
}

/** The long names of the options that have short ones. */
const longNames: Readonly<Record<string, string>> = {
  "-c": "--constraint",
  "-e": "--editable",
  "-f": "--find-links",
  "-i": "--index-url",
  "-r": "--requirement",
};

/** Takes an option line apart: `--name value`, `--name=value`, `-n value`, `-nvalue`; quotes around a value go. */
export function splitOption(line: string): { readonly option: string; readonly value: string } {
  const [, long, after = ""] = /^(--[a-z-]+)(?:\s*=\s*|\s+|$)(.*)$/s.exec(line) ?? [];
  if (long !== undefined) return { option: long, value: unquoted(after) };
  const letter = line.slice(0, 2);
  const value = line.slice(2).replace(/^\s*=?\s*/, "");
  return { option: longNames[letter] ?? letter, value: unquoted(value) };
}

function unquoted(value: string): string {
  const trimmed = value.trim();
  return /^(["'])(.*)\1$/s.exec(trimmed)?.[2] ?? trimmed;
}
