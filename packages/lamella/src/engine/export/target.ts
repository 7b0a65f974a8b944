import type { Digest } from "../../files/digest.ts";
import type { Platform } from "../../image/platform.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Document } from "../../oci/document.ts";
import type { Repository } from "../../registry/repository.ts";
import type { LayerDelivery } from "../result.ts";

/** Where a blob's bytes can be had. */
export interface BlobSource {
  /** The blob's bytes from `offset` on. Each call streams anew. */
  readonly open: (offset: number) => AsyncIterable<Uint8Array>;
  /** A repository that has the blob: if it lies in the target's registry, nothing needs to travel. */
  readonly mountFrom?: Repository;
}

/** The documents of a finished image. */
export interface ImageDocuments {
  readonly configs: readonly Document[];
  readonly manifests: readonly Document[];
  /** For several platforms: the index over the manifests. */
  readonly index?: Document;
}

/** What the tags of an image refer to: the index, or its only manifest. */
export function rootDocument({ index, manifests }: ImageDocuments): Document {
  const root = index ?? manifests[0];
  if (!root) throw new Error("An image without a manifest.");
  return root;
}

/** The manifests that the root of an image names, if it is an index: they have to be there before it. */
export function innerManifests({ index, manifests }: ImageDocuments): readonly Document[] {
  return index ? manifests : [];
}

/** In the order in which they may be published: what a document names comes before it. */
export function allDocuments(documents: ImageDocuments): readonly Document[] {
  return [...documents.configs, ...innerManifests(documents), rootDocument(documents)];
}

/** What a tag refers to. */
export interface ExistingImage {
  readonly digest: Digest;
  /** The identifier of the definition that it was built from, when it is an image of ours. */
  readonly identifier?: string;
}

/** Where a finished image goes. Nothing of it can be found there by a tag before `publish` ends. */
export interface Target {
  readonly kind: "registry" | "layout" | "store";
  /** Of a registry: what is there can be had, and mounted, from it. */
  readonly repository?: Repository;
  /** What `tag` refers to, if it is there for all of `platforms` (any platform, if absent). */
  existing(
    tag: string,
    platforms: readonly Platform[] | undefined,
  ): Promise<ExistingImage | undefined>;
  /** Whether the blob is there already, in its size. */
  has(blob: Pick<Descriptor, "digest" | "size">): Promise<boolean>;
  /** A blob that is there; absent where it can be had from `repository`. */
  read?(digest: Digest): AsyncIterable<Uint8Array>;
  /** Brings a blob there, unless it is there. `onProgress` is told the bytes that have gone. */
  deliver(
    blob: Descriptor,
    source: BlobSource,
    onProgress: (bytes: number) => void,
  ): Promise<LayerDelivery>;
  /** Puts the documents, and then the tags. */
  publish(documents: ImageDocuments, tags: readonly string[]): Promise<void>;
}
