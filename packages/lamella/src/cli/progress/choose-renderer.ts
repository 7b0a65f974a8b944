import { jsonRenderer } from "./json.ts";
import { plainRenderer } from "./plain.ts";
import { quietRenderer } from "./quiet.ts";
import type { ProgressRenderer, RenderTarget } from "./renderer.ts";
import { ttyRenderer } from "./tty.ts";
import { withoutPushes } from "./without-pushes.ts";

export const progressModes = ["auto", "tty", "plain", "json", "quiet"] as const;
export type ProgressMode = (typeof progressModes)[number];

/** `auto` is the live display where stderr is a terminal that can move its cursor, and plain lines elsewhere. */
export function chooseRenderer(mode: ProgressMode, target: RenderTarget): ProgressRenderer {
  switch (mode) {
    case "auto":
      return chooseRenderer(isLive(target) ? "tty" : "plain", target);
    case "tty":
      return forPeople(ttyRenderer(target), target);
    case "plain":
      return forPeople(plainRenderer(target), target);
    case "json":
      return jsonRenderer(target);
    case "quiet":
      return quietRenderer(target);
  }
}

function forPeople(renderer: ProgressRenderer, { staysLocal }: RenderTarget): ProgressRenderer {
  return staysLocal ? withoutPushes(renderer) : renderer;
}

function isLive({ stderr, env }: RenderTarget): boolean {
  return stderr.isTTY === true && env["TERM"] !== "dumb" && !env["CI"];
}
