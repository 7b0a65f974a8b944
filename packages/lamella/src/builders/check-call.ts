import { requireOptions, show } from "../image/argument.ts";
import { DefinitionError } from "../image/error.ts";
import type { Image } from "../image/image.ts";
import type { BuildOptions, LockOptions, PlanOptions } from "./builder.ts";

// Objects, so that the compiler misses an option that is missing here.
const build: Readonly<Record<keyof BuildOptions, true>> = {
  tags: true,
  force: true,
  upgrade: true,
  locked: true,
  push: true,
  output: true,
  platforms: true,
  cacheTo: true,
  cacheFrom: true,
  secrets: true,
  stepLimits: true,
  builder: true,
  config: true,
  signal: true,
  definition: true,
};
const plan: Readonly<Record<keyof PlanOptions, true>> = { ...build, emit: true };
const lock: Readonly<Record<keyof LockOptions, true>> = plan;
const known: Readonly<Record<"build" | "check" | "plan" | "lock", readonly string[]>> = {
  build: Object.keys(build),
  check: Object.keys(plan),
  plan: Object.keys(plan),
  lock: Object.keys(lock),
};

/**
 * Checks what a program without types passes: that it is an image, and that there are no options but the known ones.
 * Raises {@link DefinitionError}.
 */
export function checkCall(call: keyof typeof known, image: Image, options: object): void {
  const given: unknown = image;
  // Of any copy of this package: a program may well have two.
  if (typeof given !== "object" || given === null || !("definition" in given)) {
    throw new DefinitionError(
      `${call}: the image is ${show(given)}.`,
      "Give an Image, as Image.fromBase and Image.fromDebianBase make it: import it from the file that defines it.",
    );
  }
  requireOptions(options, call, known[call]);
}
