import type { Platform } from "../../image/platform.ts";
import { parseReference, type Reference } from "../../image/reference.ts";
import { type ImageConfig, imageLayers, parseImageConfig } from "../../oci/config.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { selectPlatform } from "../../oci/index-document.ts";
import { isIndex, type Manifest, parseImageManifest, parseManifest } from "../../oci/manifest.ts";
import { annotation } from "../annotation.ts";
import { findStoredImage } from "../export/stored-image.ts";
import type { LocatedLayers } from "../fetch-layers.ts";
import type { Session } from "../session.ts";

/** An image that was found, and where those of its blobs are that the store lacks. */
export interface LocatedImage extends LocatedLayers {
  readonly config: ImageConfig;
}

/** Finds an image by name for a platform: in the local store, else in its registry. Raises the registry's errors. */
export async function locateImage(
  uri: string,
  platform: Platform,
  session: Session,
): Promise<LocatedImage> {
  const stored = await findStoredImage(session.store, uri);
  if (stored && (await session.store.blobs.has(stored.digest)) !== undefined) {
    const read = (descriptor: Descriptor) => readBlob(descriptor, session);
    const manifest = await platformManifest(await read(stored), platform, read);
    const config = parseImageConfig(await read(manifest.config));
    const baseName = manifest.annotations?.[annotation.baseName];
    return {
      config,
      layers: imageLayers(manifest, config),
      ...(baseName === undefined
        ? {}
        : { repository: session.client.repository(parseReference(baseName)) }),
    };
  }
  return locateInRegistry(parseReference(uri), platform, session);
}

async function locateInRegistry(
  reference: Reference,
  platform: Platform,
  { client, signal }: Session,
): Promise<LocatedImage> {
  const repository = client.repository(reference);
  const named = reference.digest ?? reference.tag ?? "latest";
  const { bytes } = await repository.manifest(named, { signal });
  const manifest = await platformManifest(bytes, platform, async ({ digest }) => {
    return (await repository.manifest(digest, { signal })).bytes;
  });
  const chunks = await Array.fromAsync(repository.blob(manifest.config, { signal }));
  const config = parseImageConfig(Buffer.concat(chunks));
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

async function readBlob({ digest }: Descriptor, { store }: Session): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(store.blobs.read(digest)));
}
