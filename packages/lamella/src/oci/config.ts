import { z } from "zod/mini";
import type { Digest } from "../files/digest.ts";
import type { Descriptor, Layer } from "./descriptor.ts";
import { MissingDiffIdsError } from "./error.ts";
import { decodeJson } from "./json.ts";
import type { Manifest } from "./manifest.ts";
import { digestSchema } from "./schema.ts";

/** How a container of the image is started (image-spec config.md, "config"). Its names are Go's. */
export interface ContainerConfig {
  readonly User?: string;
  /** `NAME=value`, one a name. */
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  /** What commands run under, in a Dockerfile that starts from the image. */
  readonly Shell?: readonly string[];
}

/** How a layer came to be (image-spec config.md, "history"). */
export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  /** Set where the step has no layer. */
  readonly empty_layer?: boolean;
}

/** An image's config (image-spec config.md). What else a parsed one has is kept when it is encoded again. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  /** RFC 3339. */
  readonly created?: string;
  readonly config?: ContainerConfig;
  readonly rootfs: {
    readonly type: "layers";
    /** Digests of the uncompressed layers, the lowest first. */
    readonly diff_ids: readonly Digest[];
  };
  readonly history?: readonly HistoryEntry[];
}

const text = z.exactOptional(z.string());
const texts = z.exactOptional(z.array(z.string()));

const configSchema = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  variant: text,
  created: text,
  config: z.exactOptional(
    z.looseObject({
      User: text,
      Env: texts,
      Entrypoint: texts,
      Cmd: texts,
      WorkingDir: text,
      Labels: z.exactOptional(z.record(z.string(), z.string())),
      Shell: texts,
    }),
  ),
  rootfs: z.exactOptional(
    z.looseObject({ type: z.literal("layers"), diff_ids: z.exactOptional(z.array(digestSchema)) }),
  ),
  history: z.exactOptional(
    z.array(
      z.looseObject({
        created: text,
        created_by: text,
        author: text,
        comment: text,
        empty_layer: z.exactOptional(z.boolean()),
      }),
    ),
  ),
});

/**
 * Parses an image's config. Unknown fields are kept; a history that does not have one entry for each diff ID is dropped,
 * since nobody can tell which layer its entries are of. Raises {@link MissingDiffIdsError} and InvalidDocumentError.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const { rootfs, history, ...rest } = decodeJson(bytes, "image config", configSchema);
  const diffIds = rootfs?.diff_ids;
  if (rootfs === undefined || diffIds === undefined) {
    throw missingDiffIds("The image's config does not name the diff IDs of its layers.");
  }
  const steps = history?.filter((entry) => entry.empty_layer !== true);
  return {
    ...rest,
    rootfs: { ...rootfs, diff_ids: diffIds },
    ...(history === undefined || steps?.length !== diffIds.length ? {} : { history }),
  };
}

/** An image's layers with both of their names. Raises {@link MissingDiffIdsError} where the documents disagree. */
export function imageLayers(manifest: Manifest, config: ImageConfig): readonly Layer[] {
  const diffIds = config.rootfs.diff_ids;
  if (manifest.layers.length !== diffIds.length) {
    throw missingDiffIds(
      `The image's manifest has ${manifest.layers.length} layers and its config ${diffIds.length} diff IDs.`,
    );
  }
  return manifest.layers.map((layer: Descriptor, index) => ({ ...layer, diffId: diffIds[index]! }));
}

function missingDiffIds(message: string): MissingDiffIdsError {
  return new MissingDiffIdsError(
    message,
    "Push the image anew with a current tool, or use another one.",
  );
}
