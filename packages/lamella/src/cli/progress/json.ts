import type { ProgressRenderer, RenderTarget } from "./renderer.ts";

/** For programs: each event as a line of JSON on stdout; the last one, `finished`, holds the result. */
export function jsonRenderer({ stdout }: RenderTarget): ProgressRenderer {
  return {
    event: (event) => void stdout.write(`${JSON.stringify(event)}\n`),
    [Symbol.dispose]: () => undefined,
  };
}
