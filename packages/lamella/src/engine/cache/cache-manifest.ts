import * as z from "zod/mini";
import { sha256 } from "../../files/digest.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Document } from "../../oci/document.ts";
import { decodeJson, encodeJson } from "../../oci/json.ts";
import { layerCompression, mediaType } from "../../oci/media-type.ts";
import { descriptorSchema } from "../../oci/schema.ts";
import { cacheDocumentType } from "./cache-document.ts";

/** What the manifest of a cache says it is (image-spec manifest.md, "artifactType"). */
export const cacheArtifactType = "application/vnd.lamella.cache.v1";

/**
 * The manifest of a cache, an OCI artifact: its config is the document, and its layers are the blobs that the document
 * speaks of, so that the registry keeps them.
 */
export interface CacheManifest {
  readonly schemaVersion: 2;
  readonly mediaType: typeof mediaType.manifest;
  readonly artifactType: typeof cacheArtifactType;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** Of a wheel that was built from source, which is in a cache as it is. */
export const wheelMediaType = "application/zip";

const layerSchema = descriptorSchema.check(
  z.refine(
    (layer) =>
      layer.mediaType === wheelMediaType || layerCompression(layer.mediaType) !== undefined,
  ),
);

const manifestSchema: z.ZodMiniType<CacheManifest> = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.literal(mediaType.manifest),
  artifactType: z.literal(cacheArtifactType),
  config: descriptorSchema.check(z.refine((config) => config.mediaType === cacheDocumentType)),
  layers: z.array(layerSchema),
});

const headSchema = z.looseObject({ artifactType: z.optional(z.unknown()) });

/** Whether a manifest is that of a cache, possibly of another version of ours. Raises InvalidDocumentError. */
export function isCacheManifest(bytes: Uint8Array): boolean {
  const { artifactType } = decodeJson(bytes, "manifest", headSchema);
  return (
    typeof artifactType === "string" && artifactType.startsWith("application/vnd.lamella.cache.")
  );
}

/** Takes the manifest of a cache from outside. Raises InvalidDocumentError. */
export function parseCacheManifest(bytes: Uint8Array): CacheManifest {
  return decodeJson(bytes, "cache's manifest", manifestSchema);
}

export function cacheManifest(config: Descriptor, layers: readonly Descriptor[]): Document {
  const manifest: CacheManifest = {
    schemaVersion: 2,
    mediaType: mediaType.manifest,
    artifactType: cacheArtifactType,
    config,
    layers,
  };
  const bytes = encodeJson(manifest);
  const descriptor = { mediaType: mediaType.manifest, digest: sha256(bytes), size: bytes.length };
  return { bytes, descriptor };
}
