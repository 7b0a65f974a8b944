import { type Line, printable, span } from "../terminal/line.ts";

/** A warning, and what to do about it, each on lines of its own. */
export function warningLines(warning: {
  readonly message: string;
  readonly hint?: string;
}): readonly Line[] {
  const [first = "", ...rest] = warning.message.split("\n");
  const more = [...rest, ...(warning.hint ? warning.hint.split("\n") : [])];
  return [
    [span("warning: ", "yellow"), span(printable(first))],
    ...more.map((text): Line => [span(`         ${printable(text)}`)]),
  ];
}
