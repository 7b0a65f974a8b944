import { parentPort, workerData } from "node:worker_threads";
import { Store } from "../store.ts";

// Writes a blob that has no end. Its message says that it has begun.
const { root } = workerData as { readonly root: string };
const store = await Store.open(root);
await using blob = await store.blobs.create();
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
parentPort?.postMessage("begun");
for (;;) await blob.write(Buffer.alloc(1000));
