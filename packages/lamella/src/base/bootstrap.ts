import type { Digest } from "../files/digest.ts";
import type { Platform } from "../image/platform.ts";
import { formatReference, type Reference } from "../image/reference.ts";
import type { AssembledImage } from "../oci/assemble.ts";
import type { Document } from "../oci/document.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { Store } from "../store/store.ts";
import { makeDebianImage } from "./debian-image.ts";
import type { Outline } from "./outline.ts";

/** Options of {@link bootstrapBase}. */
export interface BootstrapOptions {
  /** Debian's code name of a release: `bookworm`, `trixie`, `sid`. */
  readonly suite: string;
  /** Whether Python (the suite's) and its `venv` are in it. */
  readonly python: boolean;
  /** The image that it stands in for, for example `docker.io/library/python:3.11-slim-bookworm`. */
  readonly as: Reference;
  /** The registry that is to be the mirror: `HOST` or `HOST/PREFIX`, as the mirror setting has it. */
  readonly to: string;
  readonly platform: Platform;
  readonly client: RegistryClient;
  readonly store: Store;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** Told each line that mmdebstrap says. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Told how many bytes of the layer were sent. */
  readonly onProgress?: ((sent: number, total: number) => void) | undefined;
}

export interface BootstrappedBase {
  /** Where it was pushed. */
  readonly reference: Reference;
  /** Of its manifest. */
  readonly digest: Digest;
  /** Compressed bytes of its layer. */
  readonly size: number;
  readonly outline: Outline;
  /** What is not as the name promises. */
  readonly warnings: readonly string[];
}

/**
 * Makes a Debian base image from this machine's apt sources, with nothing of the machine in it, and pushes it to where a
 * mirror is asked for the image that it stands in for. The same packages give the same digest. Needs root and mmdebstrap;
 * raises BootstrapUnavailableError, BootstrapFailedError, and the registry's errors.
 */
export async function bootstrapBase(options: BootstrapOptions): Promise<BootstrappedBase> {
  const made = await makeDebianImage(options);
  const reference = await pushDebianImage(made.image, options);
  const [layer] = made.image.layers;
  return {
    reference,
    digest: made.image.manifest.descriptor.digest,
    size: layer?.size ?? 0,
    outline: made.outline,
    warnings: promisedPython(options.as, made.outline),
  };
}

/** Pushes an image whose blobs are in the store. Returns where. */
export async function pushDebianImage(
  image: Pick<AssembledImage, "config" | "layers"> & { readonly manifest: Document },
  options: Pick<BootstrapOptions, "as" | "to" | "client" | "store" | "signal" | "onProgress">,
): Promise<Reference> {
  const { as, store, signal, onProgress } = options;
  const reference = mirrorReference(as, options.to);
  const repository = options.client.repository(reference, { direct: true });
  const { config, layers, manifest } = image;
  for (const blob of [...layers, config.descriptor]) {
    await repository.pushBlob(blob, (offset) => store.blobs.read(blob.digest, { offset, signal }), {
      ...(signal && { signal }),
      ...(onProgress &&
        blob !== config.descriptor && {
          onProgress: (sent: number) => onProgress(sent, blob.size),
        }),
    });
  }
  await repository.pushManifest(
    manifest.bytes,
    manifest.descriptor.mediaType,
    reference.tag ?? manifest.descriptor.digest,
    signal ? { signal } : {},
  );
  return reference;
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
