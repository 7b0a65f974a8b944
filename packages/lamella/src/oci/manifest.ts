import { z } from "zod/mini";
import type { Descriptor } from "./descriptor.ts";
import {
  DockerSchema1Error,
  NonDistributableLayerError,
  UnsupportedMediaTypeError,
} from "./error.ts";
import { type ImageIndex, indexSchema } from "./index-document.ts";
import { decodeJson, invalidDocument } from "./json.ts";
import {
  isIndexType,
  isManifestType,
  isNonDistributableType,
  isSchema1Type,
  layerCompression,
  mediaType,
} from "./media-type.ts";
import { annotationsSchema, descriptorSchema } from "./schema.ts";

/** One image for one platform: an OCI manifest or Docker's schema 2 (image-spec manifest.md). */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly config: Descriptor;
  /** The compressed layers, the lowest first. */
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

const manifestSchema: z.ZodMiniType<Manifest> = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.exactOptional(z.literal([mediaType.manifest, mediaType.dockerManifest])),
  config: descriptorSchema,
  layers: z.array(descriptorSchema),
  annotations: z.exactOptional(annotationsSchema),
  // What has both could be taken for either (CVE-2021-41190).
  manifests: z.optional(z.never()),
});

const headSchema = z.looseObject({
  schemaVersion: z.optional(z.unknown()),
  mediaType: z.optional(z.unknown()),
  manifests: z.optional(z.unknown()),
});

/**
 * Parses what a registry or a layout has under a tag: one image, or an index of several. Unknown fields are kept.
 * Raises {@link DockerSchema1Error}, {@link NonDistributableLayerError}, {@link UnsupportedMediaTypeError} for what is
 * no container image, and InvalidDocumentError.
 */
export function parseManifest(bytes: Uint8Array): Manifest | ImageIndex {
  const head = decodeJson(bytes, "manifest", headSchema);
  const type = typeof head.mediaType === "string" ? head.mediaType : "";
  if (head.schemaVersion === 1 || isSchema1Type(type)) {
    throw new DockerSchema1Error(
      "The image has a manifest in Docker's schema 1, which was given up in 2017.",
      "Push it anew with a current tool, or use another image.",
    );
  }
  if (isIndexType(type) || (type === "" && head.manifests !== undefined)) {
    return decodeJson(bytes, "index", indexSchema);
  }
  if (type !== "" && !isManifestType(type)) {
    throw unsupported("A manifest", type);
  }
  const manifest = decodeJson(bytes, "manifest", manifestSchema);
  checkParts(manifest);
  return manifest;
}

export function isIndex(manifest: Manifest | ImageIndex): manifest is ImageIndex {
  return "manifests" in manifest;
}

/** {@link parseManifest} where one image is expected: an index raises InvalidDocumentError. */
export function parseImageManifest(bytes: Uint8Array): Manifest {
  const manifest = parseManifest(bytes);
  if (isIndex(manifest)) {
    throw invalidDocument("manifest", "it is an index of several images");
  }
  return manifest;
}

function checkParts(manifest: Manifest): void {
  const { config, layers } = manifest;
  if (config.mediaType !== mediaType.config && config.mediaType !== mediaType.dockerConfig) {
    throw unsupported("A config", config.mediaType);
  }
  for (const layer of layers) {
    if (isNonDistributableType(layer.mediaType)) {
      throw new NonDistributableLayerError(
        `The layer ${layer.digest} may not be distributed (${layer.mediaType}).`,
        "Use a base image without such layers; they are Windows' own, mostly.",
      );
    }
    if (layerCompression(layer.mediaType) === undefined) {
      throw unsupported(`The layer ${layer.digest}`, layer.mediaType);
    }
  }
}

function unsupported(what: string, type: string): UnsupportedMediaTypeError {
  return new UnsupportedMediaTypeError(
    `${what} has the media type ${JSON.stringify(type.slice(0, 200))}, so this is no container image.`,
    "Use the reference of a container image.",
  );
}
