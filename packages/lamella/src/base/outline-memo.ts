import type { Digest } from "../files/digest.ts";
import type { Store } from "../store/store.ts";
import type { Outline } from "./outline.ts";
import { decodeOutline, encodeOutline } from "./outline-codec.ts";

/** Outlines in the store, each by its key (`outlineKey`). */
const namespace = "outline";

export async function recallOutline(key: Digest, store: Store): Promise<Outline | undefined> {
  return store.memos.get(namespace, key, decodeOutline);
}

export async function rememberOutline(key: Digest, outline: Outline, store: Store): Promise<void> {
  await store.memos.put(namespace, key, encodeOutline(outline));
}
