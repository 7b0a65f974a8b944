import { formatReference, type Reference } from "../image/reference.ts";
import type { AssembledImage } from "../oci/assemble.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Document } from "../oci/document.ts";
import { assembleIndex } from "../oci/index-document.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { Repository } from "../registry/repository.ts";
import type { Store } from "../store/store.ts";
import type { Outline } from "./outline.ts";

/** Options of {@link pushBase}. */
export interface PushBaseOptions {
  /** The image that it stands in for, for example `docker.io/library/python:3.11-slim-bookworm`. */
  readonly as: Reference;
  /** The registry that is to be the mirror: `HOST` or `HOST/PREFIX`, as the mirror setting has it. */
  readonly to: string;
  readonly client: RegistryClient;
  readonly store: Store;
  readonly signal?: AbortSignal | undefined;
  /** Told how many bytes of all layers were sent. */
  readonly onProgress?: ((sent: number) => void) | undefined;
}

/** A base in a registry. */
export interface PushedBase {
  readonly reference: Reference;
  /** Of the manifest, or of the index over several. */
  readonly descriptor: Descriptor;
}

/**
 * Pushes a base, whose blobs are in the store, to where a mirror is asked for the image that it stands in for: one image,
 * or one for each platform and an index over them. Raises the registry's errors.
 */
export async function pushBase(
  images: readonly AssembledImage[],
  options: PushBaseOptions,
): Promise<PushedBase> {
  const { as, to, client, signal } = options;
  const reference = mirrorReference(as, to);
  const repository = client.repository(reference, { direct: true });
  let before = 0;
  for (const image of images) {
    await pushBlobs(image, repository, options, before);
    before += layerBytes(image);
  }
  const push = async ({ bytes, descriptor }: Document, name: string): Promise<void> => {
    await repository.pushManifest(bytes, descriptor.mediaType, name, signal ? { signal } : {});
  };
  const manifests = images.map(({ manifest }) => manifest);
  const [only, second] = manifests;
  if (!only) throw new RangeError("A base without an image.");
  const root = second ? assembleIndex(manifests.map(({ descriptor }) => descriptor)) : only;
  if (second) for (const one of manifests) await push(one, one.descriptor.digest);
  await push(root, reference.tag ?? root.descriptor.digest);
  return { reference, descriptor: root.descriptor };
}

async function pushBlobs(
  { layers, config }: AssembledImage,
  repository: Repository,
  { store, signal, onProgress }: PushBaseOptions,
  before: number,
): Promise<void> {
  let done = before;
  for (const layer of layers) {
    await repository.pushBlob(
      layer,
      (offset) => store.blobs.read(layer.digest, { offset, signal }),
      {
        ...(signal && { signal }),
        ...(onProgress && { onProgress: (sent: number) => onProgress(done + sent) }),
      },
    );
    done += layer.size;
  }
  const { digest } = config.descriptor;
  await repository.pushBlob(
    config.descriptor,
    (offset) => store.blobs.read(digest, { offset, signal }),
    signal ? { signal } : {},
  );
}

/** Compressed bytes of an image's layers. */
export function layerBytes({ layers }: Pick<AssembledImage, "layers">): number {
  return layers.reduce((sum, { size }) => sum + size, 0);
}

/** The name under which a mirror has an image: the same repository and tag, at the mirror's host and below its prefix. */
export function mirrorReference(as: Reference, mirror: string): Reference {
  const slash = mirror.indexOf("/");
  const registry = slash < 0 ? mirror : mirror.slice(0, slash);
  const prefix = slash < 0 ? "" : `${mirror.slice(slash + 1).replace(/\/+$/, "")}/`;
  return { registry, repository: `${prefix}${as.repository}`, tag: as.tag ?? "latest" };
}

/** A tag of a Python image begins with the version that people will rely on. */
export function promisedPython(as: Reference, { python }: Pick<Outline, "python">): string[] {
  if (!/(?:^|\/)python$/.test(as.repository)) return [];
  const promised = /^3\.\d+/.exec(as.tag ?? "")?.[0];
  if (promised === undefined || promised === python?.python) return [];
  const has = python === undefined ? "no Python" : `Python ${python.version ?? python.python}`;
  return [
    `${formatReference(as)} promises Python ${promised}, but the base has ${has}: name it after that, or take the suite that has ${promised}.`,
  ];
}
