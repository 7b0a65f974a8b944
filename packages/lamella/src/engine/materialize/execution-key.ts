import { canonicalDigest } from "../../files/canonical.ts";
import type { Digest } from "../../files/digest.ts";
import type { ExecuteStep } from "../plan.ts";
import { decisive } from "../resolve/execute-steps.ts";

/** To be raised with every change to how a step is executed that changes what comes out. */
const recipe = "1";

/**
 * What the result of a step that executes is remembered by: the very layers below it (their diff IDs, the lowest first), and
 * what runs. Secrets count by name.
 */
export function executionKey(step: ExecuteStep, below: readonly Digest[]): Digest {
  return canonicalDigest(["lamella.execution", recipe, { below, ...decisive(step) }]);
}
