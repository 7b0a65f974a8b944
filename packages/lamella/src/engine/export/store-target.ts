import type { Platform } from "../../image/platform.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { isIndex, type Manifest, parseImageManifest, parseManifest } from "../../oci/manifest.ts";
import type { Store } from "../../store/store.ts";
import { annotation } from "../annotation.ts";
import type { LayerDelivery } from "../result.ts";
import { existingImage } from "./existing-image.ts";
import { findStoredImage, nameStoredImage } from "./stored-image.ts";
import {
  allDocuments,
  type BlobSource,
  type ExistingImage,
  type ImageDocuments,
  rootDocument,
  type Target,
} from "./target.ts";

/**
 * The local store, where images go that name no registry. The base's layers stay where they are until something runs the
 * image, and are had by the base's name, which the manifest has.
 */
export class StoreTarget implements Target {
  readonly kind = "store";
  readonly #store: Store;
  readonly #name: string | undefined;

  /** `name` is the image's, without its tag. Without one, the image is there and known by its digest alone. */
  constructor(store: Store, name?: string) {
    this.#store = store;
    this.#name = name;
  }

  async existing(
    tag: string,
    wanted: readonly Platform[] | undefined,
  ): Promise<ExistingImage | undefined> {
    if (this.#name === undefined) return undefined;
    const descriptor = await findStoredImage(this.#store, `${this.#name}:${tag}`);
    if (!descriptor || !(await this.#isWhole(descriptor))) return undefined;
    const bytes = await this.#read(descriptor);
    return existingImage({ descriptor, bytes }, wanted, ({ digest }) =>
      this.#store.blobs.read(digest),
    );
  }

  async has({ digest, size }: Pick<Descriptor, "digest" | "size">): Promise<boolean> {
    return (await this.#store.blobs.has(digest)) === size;
  }

  /** Only a layer of our own that a cache has may still be elsewhere. */
  async deliver(
    blob: Descriptor,
    { open }: BlobSource,
    onProgress: (bytes: number) => void,
  ): Promise<LayerDelivery> {
    const isOwn = blob.annotations?.[annotation.kind] !== undefined;
    if (!isOwn || (await this.has(blob))) return "kept";
    await using writer = await this.#store.blobs.create(blob.digest);
    let done = 0;
    for await (const chunk of open(0)) {
      await writer.write(chunk);
      onProgress((done += chunk.length));
    }
    await writer.commit();
    return "kept";
  }

  async publish(documents: ImageDocuments, tags: readonly string[]): Promise<void> {
    const root = rootDocument(documents);
    for (const { bytes } of allDocuments(documents)) {
      await this.#store.blobs.put(bytes);
    }
    for (const tag of tags) {
      await nameStoredImage(this.#store, `${this.#name}:${tag}`, root.descriptor);
    }
  }

  /** Whether all that only the store has of an image is still in it. */
  async #isWhole(root: Descriptor): Promise<boolean> {
    if (!(await this.has(root))) return false;
    const document = parseManifest(await this.#read(root));
    if (!isIndex(document)) return this.#hasOwnBlobs(document);
    for (const manifest of document.manifests) {
      if (!(await this.has(manifest))) return false;
      if (!(await this.#hasOwnBlobs(parseImageManifest(await this.#read(manifest))))) return false;
    }
    return true;
  }

  async #hasOwnBlobs({ config, layers }: Manifest): Promise<boolean> {
    const own = layers.filter(({ annotations }) => annotations?.[annotation.kind] !== undefined);
    const there = await Promise.all([config, ...own].map((blob) => this.has(blob)));
    return there.every(Boolean);
  }

  async #read({ digest }: Descriptor): Promise<Uint8Array> {
    return Buffer.concat(await Array.fromAsync(this.#store.blobs.read(digest)));
  }
}
