import { assembleImage } from "../src/oci/assemble.ts";
import { createRegistryClient } from "../src/registry/client.ts";
import { anonymous } from "../src/registry/credentials.ts";
import type { MadeLayer } from "./made-base.ts";

/** Pushes an image of hand-made layers to a local registry, for example as `acme/base`, with the tag `1`. */
export async function pushMadeImage(
  host: string,
  repository: string,
  layers: readonly MadeLayer[],
): Promise<void> {
  const { config, manifest } = assembleImage({
    platform: { os: "linux", architecture: "amd64" },
    layers: layers.map(({ mediaType, digest, size, diffId }) => ({
      mediaType,
      digest,
      size,
      diffId,
      createdBy: "a test",
    })),
  });
  await using client = createRegistryClient({ registries: {}, credentials: anonymous });
  const target = client.repository({ registry: host, repository }, { direct: true });
  const blobs = layers.map(({ digest, size, bytes }) => ({ blob: { digest, size }, bytes }));
  for (const { blob, bytes } of [...blobs, { blob: config.descriptor, bytes: config.bytes }]) {
    await target.pushBlob(blob, (offset) => inMemory(bytes, offset));
  }
  await target.pushManifest(manifest.bytes, manifest.descriptor.mediaType, "1");
}

async function* inMemory(
  bytes: Uint8Array,
  offset: number,
): AsyncGenerator<Uint8Array, void, void> {
  yield bytes.subarray(offset);
}
