import type { Base } from "../../base/base.ts";
import type { Layer } from "../../oci/descriptor.ts";
import type { BlobSource } from "../export/target.ts";
import type { Session } from "../session.ts";

/** A base's blob: mounted where it lies in the target's registry, else from the store, else from the base's registry. */
export function baseBlob(
  layer: Layer,
  { repository }: Base,
  { store, signal }: Session,
): BlobSource {
  return {
    mountFrom: repository,
    async *open(offset) {
      const held = await store.blobs.has(layer.digest);
      if (held === undefined) yield* repository.blob(layer, { offset, signal });
      else yield* store.blobs.read(layer.digest, { offset });
    },
  };
}
