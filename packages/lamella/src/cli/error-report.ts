import { inspect } from "node:util";
import { LamellaError } from "../error.ts";
import { InterruptedError } from "./error.ts";
import { printable } from "./terminal/line.ts";
import type { Paint } from "./terminal/paint.ts";

export interface ErrorReportOptions {
  readonly paint: Paint;
  /** Adds the code, the stack and the causes. */
  readonly debug: boolean;
}

/**
 * An error as the user reads it: what is wrong, and what to do about it. Anything but a {@link LamellaError} is a
 * defect of ours and says so.
 */
export function errorReport(error: unknown, { paint, debug }: ErrorReportOptions): string {
  const lines = [...headline(error, paint), ...hints(error, paint)];
  if (debug && !(error instanceof InterruptedError)) lines.push("", inspect(error, { depth: 4 }));
  return lines.join("\n");
}

function headline(error: unknown, paint: Paint): readonly string[] {
  const message = error instanceof Error ? error.message || error.name : inspect(error);
  const [first = "", ...rest] = message.split("\n").map(printable);
  const label = paint(["bold", "red"], "error:");
  return [`${label} ${first}`, ...rest.map((line) => `  ${line}`)];
}

function hints(error: unknown, paint: Paint): readonly string[] {
  if (error instanceof LamellaError) {
    if (error.hint === "") return [];
    return error.hint.split("\n").map((line) => `  ${paint("dim", printable(line))}`);
  }
  return [`  ${paint("dim", "This was not foreseen. --debug shows where it comes from.")}`];
}
