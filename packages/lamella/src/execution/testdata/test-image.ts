import { sha256 } from "../../files/digest.ts";
import type { ContainerConfig, ImageConfig } from "../../oci/config.ts";
import type { Layer } from "../../oci/descriptor.ts";
import { mediaType } from "../../oci/media-type.ts";
import type { Store } from "../../store/store.ts";
import { type TestEntry, tarOf } from "./tar-of.ts";

/** Puts layers, each a list of entries, into a store. */
export async function storeLayers(
  store: Store,
  layers: readonly (readonly TestEntry[])[],
): Promise<Layer[]> {
  return await Promise.all(
    layers.map(async (entries) => {
      const tar = tarOf(entries);
      return {
        ...(await store.blobs.put(tar)),
        mediaType: mediaType.layerTar,
        diffId: sha256(tar),
      };
    }),
  );
}

/** The config of an image with these layers. */
export function configOf(layers: readonly Layer[], config: ContainerConfig = {}): ImageConfig {
  return {
    architecture: "amd64",
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  };
}
