import type { Platform } from "../../image/platform.ts";
import { parseImageConfig } from "../../oci/config.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { isIndex, parseManifest } from "../../oci/manifest.ts";
import { annotation } from "../annotation.ts";
import type { ExistingImage } from "./target.ts";

/**
 * Reads what a tag refers to. Nothing is given when one of the wanted platforms is not there. `open` streams a
 * blob: the config of an image that is no index, if its platform is asked for.
 */
export async function existingImage(
  { descriptor, bytes }: { readonly descriptor: Descriptor; readonly bytes: Uint8Array },
  wanted: readonly Platform[] | undefined,
  open: (blob: Descriptor) => AsyncIterable<Uint8Array>,
): Promise<ExistingImage | undefined> {
  const manifest = parseManifest(bytes);
  if (wanted) {
    const there = isIndex(manifest)
      ? manifest.manifests.map(({ platform }) => platform)
      : [parseImageConfig(Buffer.concat(await Array.fromAsync(open(manifest.config))))];
    const names = new Set(
      there.map((platform) => platform && `${platform.os}/${platform.architecture}`),
    );
    if (!wanted.every((platform) => names.has(platform))) return undefined;
  }
  const identifier = manifest.annotations?.[annotation.identifier];
  return { digest: descriptor.digest, ...(identifier === undefined ? {} : { identifier }) };
}
