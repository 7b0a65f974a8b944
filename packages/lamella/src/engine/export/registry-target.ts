import type { Platform } from "../../image/platform.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Document } from "../../oci/document.ts";
import type { Repository } from "../../registry/repository.ts";
import type { LayerDelivery } from "../result.ts";
import { existingImage } from "./existing-image.ts";
import {
  type BlobSource,
  type ExistingImage,
  type ImageDocuments,
  innerManifests,
  rootDocument,
  type Target,
} from "./target.ts";

/** A repository of a registry. */
export class RegistryTarget implements Target {
  readonly kind = "registry";
  readonly repository: Repository;
  readonly #signal: AbortSignal;

  constructor(repository: Repository, signal: AbortSignal) {
    this.repository = repository;
    this.#signal = signal;
  }

  async existing(
    tag: string,
    wanted: readonly Platform[] | undefined,
  ): Promise<ExistingImage | undefined> {
    const signal = this.#signal;
    const found = await this.repository.resolve(tag, { signal });
    if (!found) return undefined;
    const fetched = await this.repository.manifest(found.digest, { signal });
    return existingImage(fetched, wanted, (blob) => this.repository.blob(blob, { signal }));
  }

  async has({ digest, size }: Pick<Descriptor, "digest" | "size">): Promise<boolean> {
    return (await this.repository.hasBlob(digest, { signal: this.#signal })) === size;
  }

  deliver(
    blob: Descriptor,
    { open, mountFrom }: BlobSource,
    onProgress: (bytes: number) => void,
  ): Promise<LayerDelivery> {
    const signal = this.#signal;
    return this.repository.pushBlob(blob, open, {
      onProgress,
      signal,
      ...(mountFrom ? { mountFrom } : {}),
    });
  }

  /** Configs and platform manifests go first, by their digests; the tags follow when all that they need is there. */
  async publish(documents: ImageDocuments, tags: readonly string[]): Promise<void> {
    const signal = this.#signal;
    await Promise.all(
      documents.configs.map(({ descriptor, bytes }) =>
        this.repository.pushBlob(descriptor, (offset) => inMemory(bytes, offset), { signal }),
      ),
    );
    const push = ({ bytes, descriptor }: Document, name: string): Promise<unknown> =>
      this.repository.pushManifest(bytes, descriptor.mediaType, name, { signal });
    for (const manifest of innerManifests(documents)) {
      await push(manifest, manifest.descriptor.digest);
    }
    for (const tag of tags) await push(rootDocument(documents), tag);
  }
}

async function* inMemory(
  bytes: Uint8Array,
  offset: number,
): AsyncGenerator<Uint8Array, void, void> {
  yield bytes.subarray(offset);
}
