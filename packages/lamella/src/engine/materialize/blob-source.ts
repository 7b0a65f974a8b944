import type { Layer } from "../../oci/descriptor.ts";
import type { Repository } from "../../registry/repository.ts";
import type { BlobSource } from "../export/target.ts";
import type { Session } from "../session.ts";

/**
 * Where a layer's bytes can be had: mounted from `repository` where that lies in the target's registry, else out of the
 * store, else streamed from `repository`. Without one, the store has to have it.
 */
export function blobSource(
  layer: Layer,
  repository: Repository | undefined,
  { store, signal }: Session,
): BlobSource {
  return {
    ...(repository && { mountFrom: repository }),
    async *open(offset) {
      const held = await store.blobs.has(layer.digest);
      if (held === undefined && repository) yield* repository.blob(layer, { offset, signal });
      else yield* store.blobs.read(layer.digest, { offset });
    },
  };
}
