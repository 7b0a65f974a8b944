import type { Platform } from "../../image/platform.ts";
import { parseReference, type Reference } from "../../image/reference.ts";
import { type ImageConfig, imageLayers, parseImageConfig } from "../../oci/config.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { PlatformNotFoundError } from "../../oci/error.ts";
import { selectPlatform } from "../../oci/index-document.ts";
import { isIndex, type Manifest, parseImageManifest, parseManifest } from "../../oci/manifest.ts";
import { RegistryUnavailableError, RegistryUnreachableError } from "../../registry/error.ts";
import { BlobNotFoundError } from "../../store/error.ts";
import { annotation } from "../annotation.ts";
import { findSeenImage, findStoredImage, keepSeenImage } from "../export/stored-image.ts";
import type { LocatedLayers } from "../fetch-layers.ts";
import type { Session } from "../session.ts";

/** An image that was found, and where those of its blobs are that the store lacks. */
export interface LocatedImage extends LocatedLayers {
  readonly config: ImageConfig;
}

/**
 * Finds an image by name for a platform: in the local store if it was built there, else in its registry. Where that cannot
 * be reached, the name means what it did when it was last seen, and that is said. Raises PlatformNotFoundError and the
 * registry's errors.
 */
export async function locateImage(
  uri: string,
  platform: Platform,
  session: Session,
): Promise<LocatedImage> {
  const image = await findImage(uri, platform, session);
  checkPlatform(uri, image, platform);
  return image;
}

/**
 * Raises PlatformNotFoundError for an image of another platform. An index says for which each manifest is; of a single
 * manifest only the config does.
 */
export function checkPlatform(
  name: string,
  { config }: Pick<LocatedImage, "config">,
  platform: Platform,
): void {
  const is = `${config.os}/${config.architecture}`;
  if (is === platform) return;
  throw new PlatformNotFoundError(
    `The image ${name} is for ${is}, and not for ${platform}.`,
    `Name its platform: --platform ${is}`,
  );
}

/** Finds an image in the local store by the digest of its manifest or index; nothing where a document is not there. */
export async function locateStored(
  root: Pick<Descriptor, "digest">,
  platform: Platform,
  session: Session,
): Promise<LocatedImage | undefined> {
  const built = await locateInStore(root, platform, session);
  if (!built) return undefined;
  const { manifest, ...image } = built;
  const baseName = manifest.annotations?.[annotation.baseName];
  if (baseName === undefined) return image;
  return { ...image, repository: session.client.repository(parseReference(baseName)) };
}

async function findImage(uri: string, platform: Platform, session: Session): Promise<LocatedImage> {
  const stored = await findStoredImage(session.store, uri);
  const built = stored && (await locateStored(stored, platform, session));
  if (built) return built;
  const reference = parseReference(uri);
  // A digest never comes to mean anything else.
  if (reference.digest !== undefined) {
    const seen = await locateSeen(reference, platform, session);
    if (seen) return seen;
  }
  return locateInRegistry(reference, platform, session).catch(async (error: unknown) => {
    if (!(error instanceof RegistryUnreachableError || error instanceof RegistryUnavailableError)) {
      throw error;
    }
    const seen = await locateSeen(reference, platform, session);
    if (!seen) throw error;
    session.journal.warn(
      "registry-unreachable",
      `${error.registry} does not answer: ${uri} is taken as it was when it was last seen.`,
    );
    return seen;
  });
}

async function locateSeen(
  reference: Reference,
  platform: Platform,
  session: Session,
): Promise<LocatedImage | undefined> {
  const root = await findSeenImage(session.store, reference);
  const image = root && (await locateInStore(root, platform, session));
  return image && { ...image, repository: session.client.repository(reference) };
}

/** Nothing is given where the store lacks one of the documents. */
async function locateInStore(
  root: Pick<Descriptor, "digest">,
  platform: Platform,
  { store }: Session,
): Promise<(LocatedImage & { readonly manifest: Manifest }) | undefined> {
  const read = async ({ digest }: Pick<Descriptor, "digest">): Promise<Uint8Array> =>
    Buffer.concat(await Array.fromAsync(store.blobs.read(digest)));
  try {
    const manifest = await platformManifest(await read(root), platform, read);
    const config = parseImageConfig(await read(manifest.config));
    return { config, layers: imageLayers(manifest, config), manifest };
  } catch (error) {
    if (error instanceof BlobNotFoundError) return undefined;
    throw error;
  }
}

async function locateInRegistry(
  reference: Reference,
  platform: Platform,
  { client, store, signal }: Session,
): Promise<LocatedImage> {
  const repository = client.repository(reference);
  const named = reference.digest ?? reference.tag ?? "latest";
  const root = await repository.manifest(named, { signal });
  const documents = [root.bytes];
  const manifest = await platformManifest(root.bytes, platform, async ({ digest }) => {
    const { bytes } = await repository.manifest(digest, { signal });
    documents.push(bytes);
    return bytes;
  });
  const chunks = await Array.fromAsync(repository.blob(manifest.config, { signal }));
  const configBytes = Buffer.concat(chunks);
  const config = parseImageConfig(configBytes);
  await keepSeenImage(store, reference, {
    root: root.descriptor,
    contents: [...documents, configBytes],
  });
  return { config, layers: imageLayers(manifest, config), repository };
}

async function platformManifest(
  bytes: Uint8Array,
  platform: Platform,
  read: (descriptor: Descriptor) => Promise<Uint8Array>,
): Promise<Manifest> {
  const document = parseManifest(bytes);
  if (!isIndex(document)) return document;
  return parseImageManifest(await read(selectPlatform(document, platform)));
}
