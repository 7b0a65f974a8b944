import * as z from "zod/mini";
import { type Digest, parseDigest } from "../../files/digest.ts";
import type { Store } from "../../store/store.ts";
import type { ImportedCaches } from "../cache/imported-caches.ts";
import type { MadeLayer } from "./layer-job.ts";

/** What a step gave: its layer, or that it has no files and no layer. */
export interface StepResult {
  readonly layer?: MadeLayer;
}

const digest = z.pipe(z.string(), z.transform(parseDigest));
const stepRecord = z.object({
  layer: z.optional(z.object({ digest, diffId: digest, size: z.int().check(z.nonnegative()) })),
});

const namespace = "steps";

/** The result that is remembered for a step's key; whether its blob is still anywhere is another question. */
export async function recallStep(store: Store, key: Digest): Promise<StepResult | undefined> {
  return store.memos.get(namespace, key, parseStepResult);
}

/** The result that caches have for a step's key, whatever this machine remembers. */
export async function recallStepElsewhere(
  caches: ImportedCaches,
  key: Digest,
): Promise<StepResult | undefined> {
  const { data } = stepRecord.safeParse(await caches.recall(namespace, key));
  return data && asResult(data);
}

/** Takes a step's result from outside. Throws for what is none. */
export function parseStepResult(value: unknown): StepResult {
  return asResult(stepRecord.parse(value));
}

function asResult({ layer }: z.infer<typeof stepRecord>): StepResult {
  return layer ? { layer } : {};
}

export async function rememberStep(store: Store, key: Digest, result: StepResult): Promise<void> {
  await store.memos.put(namespace, key, result);
}
