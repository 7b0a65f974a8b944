import { outlineVersion } from "../../base/outline-codec.ts";

/**
 * The namespaces of memos that travel in a cache, each with the version of what its values look like. What their keys
 * depend on has versions of its own, in the keys. All others stay on their machine: they speak of blobs and programs that
 * only it has, or no build with a lock asks for them.
 */
const travelling: Readonly<Record<string, string>> = {
  /** Results of steps, by step key (`step-key.ts`). */
  steps: "1",
  /** By the layers' diff IDs and the environment (`outline-annotation.ts`). */
  outline: String(outlineVersion),
  /** Manifests and configs of bases, by their digests (`base-documents.ts`). */
  "base-document": "1",
  /** What was built from source, by the source and what it was built on (`built-wheel.ts`). */
  "built-wheel": "1",
  /** Length of a wheel in bytes, by its SHA-256. */
  "wheel-size": "1",
  /** Where a wheel installs, so that one need not be fetched to see what others share with it (`grounds.ts`). */
  "wheel-grounds": "1",
};

/** The version of a namespace's values; undefined for memos that do not travel. */
export function recipeOf(namespace: string): string | undefined {
  return Object.hasOwn(travelling, namespace) ? travelling[namespace] : undefined;
}
