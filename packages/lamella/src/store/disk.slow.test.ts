import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mountSmallDisk } from "../../testing/small-disk.ts";
import { sha256 } from "../files/digest.ts";
import { DiskFullError, StoreNotWritableError } from "./error.ts";
import { Store } from "./store.ts";

test("a full disk is said at any write, and leaves nothing half done", async () => {
  await using disk = await mountSmallDisk("2m");
  await using store = await Store.open(join(disk.path, "store"));
  const { digest } = await store.blobs.put(Buffer.from("a thin layer"));
  {
    await using writer = await store.blobs.create();
    const filling = async (): Promise<void> => {
      for (let chunk = 0; chunk < 40; chunk++) await writer.write(Buffer.alloc(100_000, chunk));
      await writer.commit();
    };
    await expect(filling()).rejects.toThrow(DiskFullError);
    // A failed writer stays failed.
    await expect(writer.commit()).rejects.toThrow(DiskFullError);
  }
  await expect(store.blobs.put(Buffer.alloc(3_000_000))).rejects.toMatchObject({
    code: "store-disk-full",
    message: expect.stringContaining(disk.path),
    hint: expect.stringContaining("LAMELLA_HOME"),
  });
  await expect(store.memos.put("sizes", "wheel", "x".repeat(3_000_000))).rejects.toThrow(
    DiskFullError,
  );
  expect(await readdir(store.path("blobs", "sha256"))).toEqual([digest.slice("sha256:".length)]);

  const whole = Buffer.alloc(3_000_000, "partial");
  {
    await using partial = await store.blobs.partial(sha256(whole));
    await expect(partial.write(whole)).rejects.toThrow(DiskFullError);
  }
  await disk.remount("size=20m");
  await using partial = await store.blobs.partial(sha256(whole));
  expect(partial.offset).toBeGreaterThan(0);
  await partial.write(whole.subarray(partial.offset));
  expect((await partial.commit()).size).toBe(whole.length);
});

test("a disk that cannot be written to is said", async () => {
  await using disk = await mountSmallDisk("1m");
  await using store = await Store.open(join(disk.path, "store"));
  await disk.remount("ro");
  await expect(Store.open(join(disk.path, "other"))).rejects.toThrow(StoreNotWritableError);
  await expect(store.blobs.put(Buffer.from("a thin layer"))).rejects.toThrow(StoreNotWritableError);
  await disk.remount("rw");
});
