/** Media types of manifests and what they point to (image-spec media-types.md; Docker's of before are read, not written). */
export const mediaType = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layerTar: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerManifestList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayerTar: "application/vnd.docker.image.rootfs.diff.tar",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerLayerZstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
} as const;

export type LayerCompression = "none" | "gzip" | "zstd";

/** Whether a media type is that of an index: OCI's, or Docker's manifest list. */
export function isIndexType(type: string): boolean {
  return type === mediaType.index || type === mediaType.dockerManifestList;
}

/** Whether a media type is that of one image's manifest: OCI's, or Docker's schema 2. */
export function isManifestType(type: string): boolean {
  return type === mediaType.manifest || type === mediaType.dockerManifest;
}

/** Docker's manifests before content addresses: `…manifest.v1+json` and the signed `…manifest.v1+prettyjws`. */
export function isSchema1Type(type: string): boolean {
  return type.startsWith("application/vnd.docker.distribution.manifest.v1+");
}

/** Layers that may not be pushed elsewhere: `nondistributable` in OCI, `foreign` in Docker (image-spec layer.md). */
export function isNonDistributableType(type: string): boolean {
  return (
    type.startsWith("application/vnd.oci.image.layer.nondistributable.v1.tar") ||
    type.startsWith("application/vnd.docker.image.rootfs.foreign.diff.tar")
  );
}

/** How a layer of this media type is compressed; undefined for what is no layer that we can read. */
export function layerCompression(type: string): LayerCompression | undefined {
  switch (type) {
    case mediaType.layerTar:
    case mediaType.dockerLayerTar:
      return "none";
    case mediaType.layerGzip:
    case mediaType.dockerLayerGzip:
      return "gzip";
    case mediaType.layerZstd:
    case mediaType.dockerLayerZstd:
      return "zstd";
    default:
      return undefined;
  }
}
