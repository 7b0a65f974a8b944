import { styleText } from "node:util";

export type Format = Parameters<typeof styleText>[0];

/** Applies a style to text, or leaves it alone where colours are not wanted. */
export type Paint = (format: Format, text: string) => string;

/** The part of a stream that decides about colours. */
interface ColorStream {
  readonly isTTY?: boolean;
}

/**
 * Whether a stream gets colours: `NO_COLOR` (not empty) turns them off, then `FORCE_COLOR` on (`0` and `false`: off);
 * else terminals have them, except those that say they are dumb.
 */
export function wantsColor(stream: ColorStream, env: NodeJS.ProcessEnv): boolean {
  if (env["NO_COLOR"]) return false;
  const force = env["FORCE_COLOR"];
  if (force !== undefined) return force !== "0" && force !== "false";
  return stream.isTTY === true && env["TERM"] !== "dumb";
}

export function painter(color: boolean): Paint {
  if (!color) return (_format, text) => text;
  return (format, text) => styleText(format, text, { validateStream: false });
}
