import * as z from "zod/mini";
import type { Descriptor } from "../../oci/descriptor.ts";
import { descriptorSchema } from "../../oci/schema.ts";
import type { Store } from "../../store/store.ts";

/** Names of images in the local store are memos: from `name:tag` to the descriptor of a manifest or index. */
const namespace = "images";

/** What an image's name refers to in the local store. Its documents and layers may have been pruned since. */
export async function findStoredImage(store: Store, uri: string): Promise<Descriptor | undefined> {
  return store.memos.get(namespace, uri, (value) => z.parse(descriptorSchema, value));
}

export async function nameStoredImage(store: Store, uri: string, root: Descriptor): Promise<void> {
  await store.memos.put(namespace, uri, root);
}
