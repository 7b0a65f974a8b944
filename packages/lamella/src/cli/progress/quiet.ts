import type { BuildResult } from "../../engine/result.ts";
import type { ProgressRenderer, RenderTarget } from "./renderer.ts";

/** For scripts: nothing but the finished image, by digest, on stdout. Warnings still go to stderr. */
export function quietRenderer({ stdout, stderr }: RenderTarget): ProgressRenderer {
  return {
    event: (event) => {
      if (event.kind === "finished") stdout.write(`${pinned(event.result)}\n`);
      if (event.kind === "warning") stderr.write(`warning: ${event.message}\n`);
    },
    [Symbol.dispose]: () => undefined,
  };
}

/** The image by digest alone: with a tag beside the digest, some tools (skopeo) refuse a reference. */
function pinned({ uri, digest }: BuildResult): string {
  const tag = uri.indexOf(":", uri.lastIndexOf("/") + 1);
  return `${tag < 0 ? uri : uri.slice(0, tag)}@${digest}`;
}
