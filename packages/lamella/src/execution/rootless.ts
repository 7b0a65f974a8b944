import type { Layer } from "../oci/descriptor.ts";
import { askRootless } from "./rootless-process.ts";
import type { StepOptions } from "./step.ts";

/** A step by a process in a user namespace. Raises what `executeStep` does. */
export async function runStepRootless(options: StepOptions): Promise<Layer | undefined> {
  const { store, onOutput, signal, onProgress, ...sent } = options;
  return await askRootless(
    { kind: "step", storeRoot: store.root, options: sent },
    {
      signal,
      onNews: (news) => {
        if (news.kind === "output") onOutput?.(news.stream, news.bytes);
        else onProgress?.(news.layer, news.bytes);
      },
    },
  );
}
