import type { Layer } from "../oci/descriptor.ts";
import { askRootless } from "./rootless-process.ts";
import type { StepOptions } from "./step.ts";

/** A step by a process in a user namespace. Raises what `executeStep` does. */
export async function runStepRootless(options: StepOptions): Promise<Layer | undefined> {
  const { store, onOutput, signal, onProgress, onUnpacked, ...sent } = options;
  return await askRootless(
    { kind: "step", storeRoot: store.root, options: sent },
    {
      signal,
      onNews: (news) => {
        switch (news.kind) {
          case "output":
            return onOutput?.(news.stream, news.bytes);
          case "progress":
            return onProgress?.(news.layer, news.bytes);
          case "unpacked":
            return onUnpacked?.();
        }
      },
    },
  );
}
