import { type CanonicalValue, canonicalDigest } from "../files/canonical.ts";
import type { Digest } from "../files/digest.ts";
import type { Step } from "./plan.ts";

/**
 * Versions of the recipes by which steps become layers. Whoever changes what a recipe writes raises its number, and
 * every remembered result of the old one is left behind. They are no part of an image's identifier.
 */
const recipes = {
  wheels: "1",
  bytecode: "3",
  overlaps: "3",
  inline: "1",
  source: "2",
  execute: "1",
} as const;

/** A step's key: the digest of its kind, its recipe's version, and all that decides what the layer holds. */
export function stepKey(kind: Step["kind"], content: CanonicalValue): Digest {
  return canonicalDigest(["lamella.step", kind, recipes[kind], content]);
}
