import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { StoreNotWritableError } from "./error.ts";
import { acquireLock } from "./lock.ts";
import { Store } from "./store.ts";

test("each name has a lock of its own, whatever it holds", async () => {
  const root = await mkdtemp(join(tmpdir(), "lamella-store-"));
  await using _ = { [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
  await using store = await Store.open(root);
  const name = "uv: ../with/any name";
  await using a = await acquireLock(store, name);
  await using b = await acquireLock(store, "another");
  expect([a, b]).toHaveLength(2);
  expect(await readdir(join(root, "locks"))).toHaveLength(2);
  await expect(acquireLock(store, name, { signal: AbortSignal.timeout(20) })).rejects.toThrow(
    "timeout",
  );
  await a[Symbol.asyncDispose]();
  await using again = await acquireLock(store, name);
  expect(again).toBeDefined();
});

test("a store that has gone is said", async () => {
  await expect(acquireLock({ path: () => "/nowhere/to/lock" }, "x")).rejects.toThrow(
    StoreNotWritableError,
  );
});
