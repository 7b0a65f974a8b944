import { z } from "zod/mini";
import { sha256 } from "../files/digest.ts";
import type { Descriptor, OciPlatform } from "./descriptor.ts";
import type { Document } from "./document.ts";
import { PlatformNotFoundError } from "./error.ts";
import { decodeJson, encodeJson } from "./json.ts";
import { mediaType } from "./media-type.ts";
import { annotationsSchema, descriptorSchema } from "./schema.ts";

/** A list of manifests, one a platform: an OCI index or Docker's manifest list (image-spec image-index.md). */
export interface ImageIndex {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export const indexSchema: z.ZodMiniType<ImageIndex> = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.exactOptional(z.literal([mediaType.index, mediaType.dockerManifestList])),
  manifests: z.array(descriptorSchema),
  annotations: z.exactOptional(annotationsSchema),
  // What has both could be taken for either (CVE-2021-41190).
  layers: z.optional(z.never()),
  config: z.optional(z.never()),
});

/** Parses an index or manifest list. Unknown fields are kept. Raises InvalidDocumentError. */
export function parseIndex(bytes: Uint8Array): ImageIndex {
  return decodeJson(bytes, "index", indexSchema);
}

/** An index over the manifests of one image, each with its platform, in the order given. */
export function assembleIndex(
  manifests: readonly PlatformDescriptor[],
  annotations?: Readonly<Record<string, string>>,
): Document {
  const index: ImageIndex = {
    schemaVersion: 2,
    mediaType: mediaType.index,
    manifests,
    ...(annotations === undefined ? {} : { annotations }),
  };
  const bytes = encodeJson(index);
  return {
    bytes,
    descriptor: { mediaType: mediaType.index, digest: sha256(bytes), size: bytes.length },
  };
}

/**
 * The manifest for a platform, written `os/architecture` (`linux/arm64`). Entries without a platform, and those for
 * `unknown/unknown`, are passed over: they hold attestations. Of several variants, the one that every machine of the
 * architecture runs is taken: none named, `v8` of arm64, `v1` of amd64. Raises {@link PlatformNotFoundError}.
 */
export function selectPlatform(index: ImageIndex, platform: string): Descriptor {
  const found = images(index).find(
    (entry) => platformName(entry.platform) === platform && isBaseVariant(entry.platform),
  );
  if (found === undefined) {
    const offered = indexPlatforms(index);
    throw new PlatformNotFoundError(
      `The image is not there for ${platform}.`,
      offered.length === 0
        ? "Its index names no platform at all. Use another image."
        : `It is there for ${offered.join(", ")}. Choose one of them with 'platforms', or use another image.`,
    );
  }
  return found;
}

/** The platforms that an index has images for, as `os/architecture` and, where there is one, `/variant`. */
export function indexPlatforms(index: ImageIndex): readonly string[] {
  const names = images(index).map(
    ({ platform }) =>
      platformName(platform) + (platform.variant === undefined ? "" : `/${platform.variant}`),
  );
  return [...new Set(names)];
}

type PlatformDescriptor = Descriptor & { readonly platform: OciPlatform };

/** The entries that are images. */
function images(index: ImageIndex): readonly PlatformDescriptor[] {
  return index.manifests.filter(
    (entry): entry is PlatformDescriptor =>
      entry.platform !== undefined &&
      entry.platform.os !== "unknown" &&
      entry.platform.architecture !== "unknown",
  );
}

function platformName({ os, architecture }: OciPlatform): string {
  return `${os}/${architecture}`;
}

function isBaseVariant({ architecture, variant }: OciPlatform): boolean {
  switch (variant) {
    case undefined:
    case "":
      return true;
    case "v8":
      return architecture === "arm64";
    case "v1":
      return architecture === "amd64";
    default:
      return false;
  }
}
