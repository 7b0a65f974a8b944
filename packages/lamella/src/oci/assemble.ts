import { sha256 } from "../files/digest.ts";
import {
  type ContainerConfig,
  type HistoryEntry,
  type ImageConfig,
  imageLayers,
} from "./config.ts";
import type { Descriptor, Layer, OciPlatform } from "./descriptor.ts";
import type { Document } from "./document.ts";
import { encodeJson } from "./json.ts";
import type { Manifest } from "./manifest.ts";
import { layerCompression, mediaType } from "./media-type.ts";

/** The time of an image that is given none: that of its files. */
export const imageTime = "1980-01-02T00:00:00Z";

/** A layer to be put on top. Its annotations go to its entry in the manifest. */
export interface NewLayer extends Layer {
  /** What the image's history says of it. */
  readonly createdBy: string;
}

/** What differs from the base in how containers start. Absent means: as in the base. */
export interface ConfigChanges {
  /** Variables that replace those of the same name or come after the others. */
  readonly env?: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** Labels that replace those of the same name or are added. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface AssembleImageOptions {
  /** What the layers are put on; nothing if absent. */
  readonly base?: { readonly manifest: Manifest; readonly config: ImageConfig };
  /** Needed without a base, and an error to be other than the base's. */
  readonly platform?: OciPlatform;
  /** The lowest first. */
  readonly layers: readonly NewLayer[];
  readonly changes?: ConfigChanges;
  /** RFC 3339; {@link imageTime} if absent. */
  readonly created?: string;
  /** Annotations of the manifest, for example `org.opencontainers.image.base.name`. The base's own are about the base and left out. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An image's two documents, in the order in which they are pushed, and all of its layers. */
export interface AssembledImage {
  readonly config: Document;
  readonly manifest: Document & { readonly descriptor: Required<Pick<Descriptor, "platform">> };
  readonly layers: readonly Layer[];
}

/**
 * Puts layers on a base. A pure function: the same arguments give the same bytes. The result is an OCI image also where
 * the base is Docker's. Raises MissingDiffIdsError where the base's manifest and config disagree.
 */
export function assembleImage(options: AssembleImageOptions): AssembledImage {
  const { base, annotations, created = imageTime } = options;
  const baseLayers = base === undefined ? [] : imageLayers(base.manifest, base.config).map(asOci);
  const layers: readonly Layer[] = [...baseLayers, ...options.layers.map(asLayer)];
  const platform = platformOf(options);

  const imageConfig: ImageConfig = {
    ...base?.config,
    ...platform,
    created,
    config: changed(base?.config.config ?? {}, options.changes ?? {}),
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
    history: [
      ...baseHistory(base?.config),
      ...options.layers.map(({ createdBy }) => ({ created, created_by: createdBy })),
    ],
  };
  const config = document(imageConfig, mediaType.config);

  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaType.manifest,
    config: config.descriptor,
    layers: layers.map(asDescriptor),
    ...(annotations === undefined ? {} : { annotations }),
  };
  const { bytes, descriptor } = document(manifest, mediaType.manifest);
  return { config, manifest: { bytes, descriptor: { ...descriptor, platform } }, layers };
}

function document(value: unknown, type: string): Document {
  const bytes = encodeJson(value);
  return { bytes, descriptor: { mediaType: type, digest: sha256(bytes), size: bytes.length } };
}

function platformOf({ base, platform }: AssembleImageOptions): OciPlatform {
  const own = base?.config ?? platform;
  if (own === undefined) {
    throw new TypeError("An image without a base needs a platform.");
  }
  if (
    platform !== undefined &&
    (platform.os !== own.os || platform.architecture !== own.architecture)
  ) {
    throw new TypeError(
      `A base for ${own.os}/${own.architecture} is none for the platform asked for.`,
    );
  }
  const { architecture, os, variant } = own;
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}

const ociLayerTypes = {
  none: mediaType.layerTar,
  gzip: mediaType.layerGzip,
  zstd: mediaType.layerZstd,
} as const;

/** Docker's layers are OCI's under another name. */
function asOci(layer: Layer): Layer {
  const compression = layerCompression(layer.mediaType);
  return {
    ...asLayer(layer),
    mediaType: compression === undefined ? layer.mediaType : ociLayerTypes[compression],
  };
}

function asLayer(layer: Layer): Layer {
  return { ...asDescriptor(layer), diffId: layer.diffId };
}

function asDescriptor({ mediaType: type, digest, size, annotations }: Descriptor): Descriptor {
  return { mediaType: type, digest, size, ...(annotations === undefined ? {} : { annotations }) };
}

/** One entry for each of the base's layers, also where the base does not tell. */
function baseHistory(config: ImageConfig | undefined): readonly HistoryEntry[] {
  if (config === undefined) {
    return [];
  }
  return (
    config.history ??
    config.rootfs.diff_ids.map(() => ({
      comment: "The base image does not say how this was made.",
    }))
  );
}

function changed(config: ContainerConfig, changes: ConfigChanges): ContainerConfig {
  const { env, workdir, user, entrypoint, command, labels } = changes;
  return {
    ...config,
    ...(env === undefined ? {} : { Env: mergedEnv(config.Env ?? [], env) }),
    ...(workdir === undefined ? {} : { WorkingDir: workdir }),
    ...(user === undefined ? {} : { User: user }),
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(command === undefined ? {} : { Cmd: command }),
    ...(labels === undefined ? {} : { Labels: { ...config.Labels, ...labels } }),
  };
}

function mergedEnv(
  before: readonly string[],
  changes: Readonly<Record<string, string>>,
): readonly string[] {
  const variables = new Map<string, string>();
  for (const variable of before) {
    const equals = variable.indexOf("=");
    variables.set(equals < 0 ? variable : variable.slice(0, equals), variable);
  }
  for (const [name, value] of Object.entries(changes)) {
    variables.set(name, `${name}=${value}`);
  }
  return [...variables.values()];
}
