import { expect, test } from "vitest";
import { Image } from "../../image/image.ts";
import { meantMethod } from "./meant-method.ts";

/** What the engine says of a call, for real. */
function complaint(call: (image: never) => unknown): string {
  try {
    call(Image.fromBase("debian:12", { name: "n" }) as never);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("It was a function.");
}

// oxlint-disable-next-line no-explicit-any -- calls that the types do not allow
type Anything = any;

test.each<[(image: Anything) => unknown, string | undefined]>([
  [(image) => image.withPipPackage("six"), "withPipPackages"],
  [(image) => image.clone().withRequirement("r.txt"), "withRequirements"],
  [(image) => image.with_pip_packages("six"), "withPipPackages"],
  [(image) => image.withPip("six"), "withPipPackages"],
  [(image) => image.constructor.fromDebian(), "Image.fromDebianBase"],
  [(image) => image.withSource("x"), undefined],
  [(image) => image.toUpperCase(), undefined],
  [(image) => image.name(), undefined],
])("%s", (call, meant) => {
  expect(meantMethod(complaint(call))).toBe(meant);
});
