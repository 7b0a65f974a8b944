import { imageLayers, parseImageConfig } from "../packages/lamella/src/oci/config.ts";
import { parseImageManifest } from "../packages/lamella/src/oci/manifest.ts";

/** A layer of an image as its manifest in a registry has it. */
export interface PublishedLayer {
  readonly digest: string;
  /** Compressed bytes. */
  readonly size: number;
  /** What made it: `wheels`, `bytecode`, `source`, …; or `base`. */
  readonly kind: string;
  /** Names of the packages in it. */
  readonly packages: readonly string[];
}

export interface PublishedImage {
  /** Digests of the manifest and of the config. */
  readonly digest: string;
  readonly config: string;
  /** The lowest first. */
  readonly layers: readonly PublishedLayer[];
}

/** Reads an image by its digest in a registry on loopback, straight from the registry. */
export async function publishedImage(repository: string, digest: string): Promise<PublishedImage> {
  const [host = "", ...name] = repository.split("/");
  const get = async (path: string): Promise<Uint8Array> => {
    const response = await fetch(`http://${host}/v2/${name.join("/")}/${path}`, {
      headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  const manifest = parseImageManifest(await get(`manifests/${digest}`));
  const config = parseImageConfig(await get(`blobs/${manifest.config.digest}`));
  return {
    digest,
    config: manifest.config.digest,
    layers: imageLayers(manifest, config).map(({ digest: layer, size, annotations = {} }) => {
      const packages = JSON.parse(annotations["dev.lamella.packages"] ?? "[]") as {
        readonly name: string;
      }[];
      return {
        digest: layer,
        size,
        kind: annotations["dev.lamella.kind"] ?? "base",
        packages: packages.map((one) => one.name),
      };
    }),
  };
}
