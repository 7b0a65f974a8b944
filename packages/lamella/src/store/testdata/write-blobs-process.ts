import { randomBytes } from "node:crypto";
import { sha256 } from "../../files/digest.ts";
import { Store } from "../store.ts";

// Writes blobs, partial blobs, memos and scratch folders until it is killed. Its first line says that it has begun.
const [root = ""] = process.argv.slice(2);
const store = await Store.open(root);
const whole = Buffer.alloc(2_000_000, "partial");
for (let round = 0; ; round++) {
  const bytes = randomBytes(300_000 + (round % 7) * 100_000);
  await store.blobs.put(bytes);
  await using partial = await store.blobs.partial(sha256(whole));
  await partial.write(whole.subarray(partial.offset, partial.offset + 50_000));
  await store.memos.put("rounds", "last", round);
  await store.scratch("left");
  if (round === 0) process.stdout.write("begun\n");
}
