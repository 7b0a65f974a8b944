export {
  type AssembledImage,
  type AssembleImageOptions,
  assembleImage,
  type ConfigChanges,
  imageTime,
  type NewLayer,
} from "./assemble.ts";
export {
  type ContainerConfig,
  type HistoryEntry,
  type ImageConfig,
  imageLayers,
  parseImageConfig,
} from "./config.ts";
export { decompressLayer } from "./decompress.ts";
export type { Descriptor, Layer, OciPlatform } from "./descriptor.ts";
export type { Document } from "./document.ts";
export {
  BlobMismatchError,
  ContentMismatchError,
  CorruptLayerError,
  DockerSchema1Error,
  InvalidDocumentError,
  InvalidEntryError,
  InvalidLayoutError,
  InvalidTarError,
  LayoutNotWritableError,
  MissingDiffIdsError,
  NonDistributableLayerError,
  PlatformNotFoundError,
  UnsupportedMediaTypeError,
} from "./error.ts";
export {
  assembleIndex,
  type ImageIndex,
  indexPlatforms,
  parseIndex,
  selectPlatform,
} from "./index-document.ts";
export { encodeJson } from "./json.ts";
export { type WrittenLayer, writeLayer } from "./layer.ts";
export { createLayout, type Layout, openLayout } from "./layout.ts";
export { isIndex, type Manifest, parseImageManifest, parseManifest } from "./manifest.ts";
export { mediaType } from "./media-type.ts";
export type { TarEntry } from "./tar-entry.ts";
export { readTar, readTarHeaders } from "./tar-reader.ts";
