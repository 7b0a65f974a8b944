import { basename } from "node:path";
import pLimit from "p-limit";
import type { Digest } from "../../files/digest.ts";
import type { ImageDefinition } from "../../image/definition.ts";
import type { Platform } from "../../image/platform.ts";
import { formatReference } from "../../image/reference.ts";
import { isItsBase } from "../../image/uri.ts";
import { imageLayers, parseImageConfig } from "../../oci/config.ts";
import type { Layer } from "../../oci/descriptor.ts";
import { selectPlatform } from "../../oci/index-document.ts";
import { openLayout } from "../../oci/layout.ts";
import { isIndex, parseImageManifest, parseManifest } from "../../oci/manifest.ts";
import { buildImage } from "../build-image.ts";
import { ImageMissingError } from "../error.ts";
import { StoreTarget } from "../export/store-target.ts";
import { fetchLayers } from "../fetch-layers.ts";
import { requestImage } from "../image-request.ts";
import {
  checkPlatform,
  type LocatedImage,
  locateImage,
  locateStored,
} from "../run/locate-image.ts";
import type { SecretSource } from "../secrets/find-secrets.ts";
import type { Session } from "../session.ts";
import { together } from "../together.ts";
import { type ComparedImage, compareImages, type ImageDiff } from "./compare-images.ts";
import { mergeLayers } from "./image-files.ts";
import { namesPackages } from "./image-packages.ts";
import { type LayerFiles, readLayerFiles } from "./layer-files.ts";

/** Layers that are read at once: inflating and hashing go on beside each other. */
const layersAtOnce = 4;

/** An image to be compared: one that is somewhere, or what a build of a definition would give. */
export type DiffOperand =
  | { readonly kind: "definition"; readonly name: string; readonly definition: ImageDefinition }
  /** In the local store or in its registry. */
  | { readonly kind: "reference"; readonly name: string }
  /** A manifest or index of the local store. */
  | { readonly kind: "digest"; readonly name: Digest }
  /** Of an OCI layout: the image of that name, or its only one. */
  | {
      readonly kind: "layout";
      readonly name: string;
      readonly path: string;
      readonly refName?: string;
    };

export interface DiffOptions {
  readonly platform: Platform;
  /** Where the values of the definitions' secrets are. */
  readonly secrets: readonly SecretSource[];
}

/** An operand's documents, and where the content of its layers can be read. */
interface Opened extends Pick<LocatedImage, "config" | "layers"> {
  readonly open: (layer: Layer) => AsyncIterable<Uint8Array>;
}

/**
 * Compares two images for one platform. A definition is built for that, into the store and under no name: nothing is pushed
 * or tagged, and a later build finds its layers there. Other images' layers are fetched into the store.
 *
 * Raises what building and locating raise, ImageMissingError, InvalidLayoutError and PlatformNotFoundError.
 */
export async function diffImages(
  operands: readonly [DiffOperand, DiffOperand],
  options: DiffOptions,
  session: Session,
): Promise<ImageDiff> {
  const opened: (Opened & { readonly name: string })[] = [];
  for (const operand of operands) {
    opened.push({ name: operand.name, ...(await open(operand, options, session)) });
  }
  // A layer that both have is read once.
  const read = new Map<Digest, Promise<LayerFiles>>();
  const limit = pLimit(layersAtOnce);
  const images = await together(
    session,
    opened.map(async ({ name, config, layers, open: blob }): Promise<ComparedImage> => {
      const files = await session.journal.task("layer", `reading ${name}`, () =>
        together(
          session,
          layers.map((layer) => {
            const reading =
              read.get(layer.diffId) ??
              limit(() => readLayerFiles(layer, blob(layer), namesPackages, session.signal));
            read.set(layer.diffId, reading);
            return reading;
          }),
        ),
      );
      return { name, config, layers, contents: mergeLayers(files) };
    }),
  );
  const [before, after] = images;
  if (!before || !after) throw new RangeError("Two images are compared.");
  return compareImages(before, after);
}

async function open(operand: DiffOperand, options: DiffOptions, session: Session): Promise<Opened> {
  const { platform } = options;
  switch (operand.kind) {
    case "layout":
      return openFromLayout(operand, platform);
    case "reference":
      return fetched(await locateImage(operand.name, platform, session), session);
    case "digest":
      return fetched(await locateDigest(operand.name, platform, session), session);
    case "definition":
      return fetched(await buildUnnamed(operand.definition, options, session), session);
  }
}

async function fetched(image: LocatedImage, session: Session): Promise<Opened> {
  await fetchLayers(image, session);
  const { store, signal } = session;
  return { ...image, open: ({ digest }) => store.blobs.read(digest, { signal }) };
}

async function locateDigest(
  digest: Digest,
  platform: Platform,
  session: Session,
): Promise<LocatedImage> {
  const image = await locateStored({ digest }, platform, session);
  if (!image) {
    throw new ImageMissingError(
      `The local store has no image ${digest}.`,
      "Name its repository too, to have it from there: NAME@sha256:…",
    );
  }
  checkPlatform(digest, image, platform);
  return image;
}

async function buildUnnamed(
  definition: ImageDefinition,
  { platform, secrets }: DiffOptions,
  session: Session,
): Promise<LocatedImage> {
  const request = await requestImage(definition, { platforms: [platform], secrets }, session);
  if (isItsBase(request.definition)) {
    return locateImage(formatReference(request.base), platform, session);
  }
  const { digest } = await buildImage(request, new StoreTarget(session.store), session);
  const image = await locateStored({ digest }, platform, session);
  if (!image) throw new Error(`The image ${digest} was built and is not there.`);
  return image;
}

async function openFromLayout(
  { path, refName, name }: Extract<DiffOperand, { kind: "layout" }>,
  platform: Platform,
): Promise<Opened> {
  const layout = await openLayout(path);
  const found = await layout.manifest(refName);
  if (!found) {
    throw new ImageMissingError(
      refName === undefined
        ? `The layout ${path} has several images, or none.`
        : `The layout ${path} has no image ${refName}.`,
      `Name one that it has: oci:${basename(path)}:NAME`,
    );
  }
  const read = async (digest: Digest): Promise<Uint8Array> =>
    Buffer.concat(await Array.fromAsync(layout.readBlob(digest)));
  const document = parseManifest(found.bytes);
  const manifest = isIndex(document)
    ? parseImageManifest(await read(selectPlatform(document, platform).digest))
    : document;
  const config = parseImageConfig(await read(manifest.config.digest));
  checkPlatform(name, { config }, platform);
  const layers = imageLayers(manifest, config);
  return { config, layers, open: ({ digest }) => layout.readBlob(digest) };
}
