import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { acquireLock } from "./lock.ts";
import { Store } from "./store.ts";

test("one at a time has the lock of a name, and others have theirs", async () => {
  const root = await mkdtemp(join(tmpdir(), "lamella-store-"));
  await using _ = { [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
  await using store = await Store.open(root);
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 6 }, async () => {
      await using lock = await acquireLock(store, "uv: ../with/any name");
      most = Math.max(most, ++inside);
      await delay(2);
      inside--;
      return lock;
    }),
  );
  expect(most).toBe(1);
  await using a = await acquireLock(store, "a");
  await using b = await acquireLock(store, "b");
  expect([a, b]).toHaveLength(2);
  // Nothing lies beside the files, which nobody would remove if this process were killed.
  const files = await readdir(join(root, "locks"));
  expect(files.filter((name) => !name.endsWith(".lock"))).toEqual([]);
  expect(files).toHaveLength(3);
});
