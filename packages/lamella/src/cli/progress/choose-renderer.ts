import { jsonRenderer } from "./json.ts";
import { plainRenderer } from "./plain.ts";
import { quietRenderer } from "./quiet.ts";
import type { ProgressRenderer, RenderTarget } from "./renderer.ts";
import { ttyRenderer } from "./tty.ts";

export const progressModes = ["auto", "tty", "plain", "json", "quiet"] as const;
export type ProgressMode = (typeof progressModes)[number];

/** `auto` is the live display where stderr is a terminal that can move its cursor, and plain lines elsewhere. */
export function chooseRenderer(mode: ProgressMode, target: RenderTarget): ProgressRenderer {
  switch (mode) {
    case "auto":
      return isLive(target) ? ttyRenderer(target) : plainRenderer(target);
    case "tty":
      return ttyRenderer(target);
    case "plain":
      return plainRenderer(target);
    case "json":
      return jsonRenderer(target);
    case "quiet":
      return quietRenderer(target);
  }
}

function isLive({ stderr, env }: RenderTarget): boolean {
  return stderr.isTTY === true && env["TERM"] !== "dumb" && !env["CI"];
}
