import * as z from "zod/mini";
import { type Digest, parseDigest } from "../../files/digest.ts";
import type { Store } from "../../store/store.ts";
import type { MadeLayer } from "./layer-job.ts";

/** What a step gave: its layer, or that it has no files and no layer. */
export interface StepResult {
  readonly layer?: MadeLayer;
}

const digest = z.pipe(z.string(), z.transform(parseDigest));
const stepRecord = z.object({
  layer: z.optional(z.object({ digest, diffId: digest, size: z.int().check(z.nonnegative()) })),
});

/** The result that is remembered for a step's key; whether its blob is still anywhere is another question. */
export async function recallStep(store: Store, key: Digest): Promise<StepResult | undefined> {
  return store.memos.get("steps", key, parseStepResult);
}

/** Takes a step's result from outside. Throws for what is none. */
export function parseStepResult(value: unknown): StepResult {
  const { layer } = stepRecord.parse(value);
  return layer ? { layer } : {};
}

export async function rememberStep(store: Store, key: Digest, result: StepResult): Promise<void> {
  await store.memos.put("steps", key, result);
}
