import type { Digest } from "../../files/digest.ts";
import type { Platform } from "../../image/platform.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Layout } from "../../oci/layout.ts";
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

/** An OCI layout in a folder. An image is named there by its tag (`org.opencontainers.image.ref.name`). */
export class LayoutTarget implements Target {
  readonly kind = "layout";
  readonly #layout: Layout;
  readonly #signal: AbortSignal;

  constructor(layout: Layout, signal: AbortSignal) {
    this.#layout = layout;
    this.#signal = signal;
  }

  async existing(
    tag: string,
    wanted: readonly Platform[] | undefined,
  ): Promise<ExistingImage | undefined> {
    const named = await this.#layout.manifest(tag);
    return named && existingImage(named, wanted, ({ digest }) => this.#layout.readBlob(digest));
  }

  async has({ digest, size }: Pick<Descriptor, "digest" | "size">): Promise<boolean> {
    return (await this.#layout.hasBlob(digest)) === size;
  }

  read(digest: Digest): AsyncIterable<Uint8Array> {
    return this.#layout.readBlob(digest);
  }

  async deliver(
    { digest, size }: Descriptor,
    { open }: BlobSource,
    onProgress: (bytes: number) => void,
  ): Promise<LayerDelivery> {
    if ((await this.#layout.hasBlob(digest)) === size) return "exists";
    await this.#layout.writeBlob(digest, size, counted(open(0), onProgress), {
      signal: this.#signal,
    });
    return "uploaded";
  }

  async publish(documents: ImageDocuments, tags: readonly string[]): Promise<void> {
    const inner = innerManifests(documents);
    for (const { descriptor, bytes } of [...documents.configs, ...inner]) {
      await this.#layout.writeBlob(descriptor.digest, descriptor.size, once(bytes));
    }
    const root = rootDocument(documents);
    for (const tag of tags) await this.#layout.addManifest(root.descriptor, root.bytes, tag);
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  onProgress: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  let done = 0;
  for await (const chunk of chunks) {
    done += chunk.length;
    onProgress(done);
    yield chunk;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes;
}
