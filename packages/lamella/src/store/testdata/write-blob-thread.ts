import { parentPort, workerData } from "node:worker_threads";
import { Store } from "../store.ts";

// Puts the blob that it is given into the store, and answers with what was stored.
const { root, bytes } = workerData as { readonly root: string; readonly bytes: Uint8Array };
await using store = await Store.open(root);
const stored = await store.blobs.put(bytes);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
parentPort?.postMessage(stored);
