import type { Digest } from "../files/digest.ts";
import { architecture, type Platform, platforms } from "../image/platform.ts";
import { formatReference, type Reference } from "../image/reference.ts";
import { type ImageConfig, imageLayers, parseImageConfig } from "../oci/config.ts";
import type { Descriptor, Layer } from "../oci/descriptor.ts";
import { PlatformNotFoundError } from "../oci/error.ts";
import { indexPlatforms, selectPlatform } from "../oci/index-document.ts";
import { isIndex, type Manifest, parseImageManifest, parseManifest } from "../oci/manifest.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { Repository } from "../registry/repository.ts";
import type { Store } from "../store/store.ts";
import { type BaseSource, fetchConfig, fetchManifest, fetchTop } from "./base-documents.ts";
import { readLayers } from "./base-layers.ts";
import type { Outline } from "./outline.ts";
import { decodeOutlineAnnotation, outlineAnnotation, outlineKey } from "./outline-annotation.ts";
import { recallOutline, rememberOutline } from "./outline-memo.ts";
import { outlineOf } from "./read-outline.ts";

/** An image that others are built on. */
export interface Base {
  readonly reference: Reference;
  /** Where its blobs are. */
  readonly repository: Repository;
  /** Of the index that the reference names, if it names one. */
  readonly indexDescriptor?: Descriptor;
  /** Of the platform's manifest. */
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  /** The lowest first. */
  readonly layers: readonly Layer[];
  readonly platform: Platform;
  readonly outline: Outline;
  /** Whether the outline was known, so that no byte of a layer was read. */
  readonly outlineKnown: boolean;
}

export interface BaseOptions {
  readonly client: RegistryClient;
  readonly store: Store;
  readonly signal?: AbortSignal | undefined;
}

export interface LoadBaseOptions extends BaseOptions {
  /** The base's own if absent; of several, that of this machine, else the first that we build for. */
  readonly platform?: Platform | undefined;
  /** Told how many bytes of the layers were read, of how many, while the outline is read. */
  readonly onProgress?: ((read: number, total: number) => void) | undefined;
}

/**
 * Reads a base: its manifest for the platform, its config, and its outline. The outline is remembered; else it is taken
 * from the manifest's own annotation; else the layers are read once, as they stream into the store. Documents that are
 * named by a digest and in the store are not asked for again.
 *
 * Raises the registry's errors, PlatformNotFoundError, and what damaged, hostile or outdated images raise.
 */
export async function loadBase(reference: Reference, options: LoadBaseOptions): Promise<Base> {
  const { client, store, signal } = options;
  const repository = client.repository(reference);
  const source: BaseSource = { repository, store, signal };
  const top = await fetchTop(reference, source);
  const document = parseManifest(top.bytes);
  const offered = isIndex(document) ? supported(indexPlatforms(document)) : undefined;
  const wanted = options.platform ?? (offered && preferred(offered));
  const descriptor = isIndex(document)
    ? selectPlatform(document, wanted ?? platforms[0] ?? "linux/amd64")
    : top.descriptor;
  const manifest = isIndex(document)
    ? parseImageManifest(await fetchManifest(descriptor.digest, source))
    : document;
  const parsed = parseImageConfig(await fetchConfig(manifest.config, source));
  const platform = checkedPlatform(reference, parsed, wanted);
  const layers = imageLayers(manifest, parsed);
  const environment = parsed.config?.Env ?? [];
  const key = outlineKey(parsed.rootfs.diff_ids, environment);
  const known = await knownOutline(manifest, key, store);
  let outline = known;
  if (outline === undefined) {
    outline = outlineOf(await readLayers(layers, source, options.onProgress), environment);
    await rememberOutline(key, outline, store);
  }
  return {
    reference,
    repository,
    ...(isIndex(document) && { indexDescriptor: top.descriptor }),
    descriptor,
    manifest,
    config: parsed,
    layers,
    platform,
    outline,
    outlineKnown: known !== undefined,
  };
}

/** The platforms that a base is there for and that we build for. Raises the registry's errors. */
export async function basePlatforms(
  reference: Reference,
  { client, store, signal }: BaseOptions,
): Promise<readonly Platform[]> {
  const source: BaseSource = { repository: client.repository(reference), store, signal };
  const document = parseManifest((await fetchTop(reference, source)).bytes);
  if (isIndex(document)) return supported(indexPlatforms(document));
  const config = parseImageConfig(await fetchConfig(document.config, source));
  return supported([`${config.os}/${config.architecture}`]);
}

async function knownOutline(
  { annotations }: Manifest,
  key: Digest,
  store: Store,
): Promise<Outline | undefined> {
  const remembered = await recallOutline(key, store);
  if (remembered !== undefined) return remembered;
  const carried = annotations?.[outlineAnnotation];
  return carried === undefined ? undefined : decodeOutlineAnnotation(carried, key);
}

function supported(names: readonly string[]): Platform[] {
  return platforms.filter((platform) =>
    names.some((name) => name === platform || name.startsWith(`${platform}/`)),
  );
}

function preferred(offered: readonly Platform[]): Platform | undefined {
  const machine = process.arch === "arm64" ? "linux/arm64" : "linux/amd64";
  return offered.find((platform) => platform === machine) ?? offered[0];
}

/** What the config says that it is for; an index may say something else, and a single manifest says nothing. */
function checkedPlatform(
  reference: Reference,
  config: ImageConfig,
  wanted: Platform | undefined,
): Platform {
  const [platform] = supported([`${config.os}/${config.architecture}`]);
  if (platform !== undefined && (wanted === undefined || platform === wanted)) return platform;
  throw new PlatformNotFoundError(
    `The base ${formatReference(reference)} is not there for ${wanted ?? platforms.join(" or ")}: it is for ${config.os}/${config.architecture}.`,
    `Use a base that is there for ${(wanted ? [wanted] : platforms).map(architecture).join(" or ")}.`,
  );
}
