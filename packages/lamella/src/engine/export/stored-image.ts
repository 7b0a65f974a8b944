import * as z from "zod/mini";
import { formatReference, type Reference } from "../../image/reference.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { descriptorSchema } from "../../oci/schema.ts";
import type { Store } from "../../store/store.ts";

/** Names of images in the local store are memos: from `name:tag` to the descriptor of a manifest or index. */
const namespace = "images";

/** What names in registries meant when they were last seen, by the reference in full. */
const seenNamespace = "images-of-registries";

/** What an image's name refers to in the local store. Its documents and layers may have been pruned since. */
export async function findStoredImage(store: Store, uri: string): Promise<Descriptor | undefined> {
  return store.memos.get(namespace, uri, parseDescriptor);
}

export async function nameStoredImage(store: Store, uri: string, root: Descriptor): Promise<void> {
  await store.memos.put(namespace, uri, root);
}

/** What a name in a registry meant when it was last seen. Its documents and layers may have been pruned since. */
export async function findSeenImage(
  store: Store,
  reference: Reference,
): Promise<Descriptor | undefined> {
  return store.memos.get(seenNamespace, formatReference(reference), parseDescriptor);
}

/** The documents of an image: their bytes, and which of them its name refers to. */
export interface SeenImage {
  readonly root: Descriptor;
  readonly contents: readonly Uint8Array[];
}

/** Remembers what a name in a registry means, and keeps the documents. */
export async function keepSeenImage(
  store: Store,
  reference: Reference,
  { root, contents }: SeenImage,
): Promise<void> {
  for (const bytes of contents) await store.blobs.put(bytes);
  await store.memos.put(seenNamespace, formatReference(reference), root);
}

function parseDescriptor(value: unknown): Descriptor {
  return z.parse(descriptorSchema, value);
}
