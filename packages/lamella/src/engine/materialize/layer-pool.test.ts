import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { writeWheel } from "../../../testing/wheel-writer.ts";
import { sha256 } from "../../files/digest.ts";
import { Store } from "../../store/store.ts";
import type { WheelsJob } from "./layer-job.ts";
import { LayerPool } from "./layer-pool.ts";

let folder: string;
let store: Store;
let job: WheelsJob;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-pool-"));
  store = await Store.open(join(folder, "store"));
  // Small files in such a number that their layer takes a while, and none of them has to be waited for.
  const files = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [`many/${index}.txt`, `${index}\n`]),
  );
  const path = await writeWheel(folder, { name: "many", files });
  const digest = sha256(await readFile(path));
  const wheels = [{ name: "many", digest, path, filename: "many-1.0-py3-none-any.whl" }];
  const target = { python: "3.11", prefix: "/opt/venv", physicalPrefix: "opt/venv" };
  job = { kind: "wheels", wheels, target };
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** More than is made without a thread, and less, in bytes. */
const [large, small] = [1e9, 1];

const sessions = (): Promise<string[]> => readdir(store.path("sessions"));

test.each([
  ["has not started yet", () => delay(0)],
  ["is only just starting", () => delay(60)],
  ["is at work", () => vi.waitFor(async () => expect(await sessions()).not.toEqual([]), 10_000)],
])("a thread that is stopped when it %s gives up and leaves nothing", async (_, moment) => {
  const controller = new AbortController();
  await using pool = new LayerPool(store, 2, controller.signal);
  const running = Array.from({ length: 4 }, () => pool.run(job, large, () => undefined));
  const settled = Promise.allSettled(running);
  await moment();
  controller.abort(new Error("enough"));
  await pool[Symbol.asyncDispose]();
  const reason = new Error("enough");
  expect(await settled).toEqual(running.map(() => ({ status: "rejected", reason })));
  expect(await sessions()).toEqual([]);
  expect(await readdir(store.path("blobs/sha256"))).toEqual([]);
});

test("a pool that is closed takes no more work", async () => {
  const pool = new LayerPool(store, 1, new AbortController().signal);
  await pool[Symbol.asyncDispose]();
  await expect(pool.run(job, large, () => undefined)).rejects.toThrow("The build was stopped.");
});

test("what is small is made without a thread, and stopped like the rest", async () => {
  const threads = vi.fn();
  process.on("worker", threads);
  const controller = new AbortController();
  await using pool = new LayerPool(store, 1, controller.signal);
  const settled = Promise.allSettled([pool.run(job, small, () => undefined)]);
  await vi.waitFor(async () => expect(await sessions()).not.toEqual([]));
  controller.abort(new Error("enough"));
  await pool[Symbol.asyncDispose]();
  expect(await settled).toEqual([{ status: "rejected", reason: new Error("enough") }]);
  expect(await readdir(store.path("blobs/sha256"))).toEqual([]);

  await using other = new LayerPool(store, 1, new AbortController().signal);
  const [one, two] = await Promise.all([
    other.run(job, small, () => undefined),
    other.run({ ...job, wheels: [] }, small, () => undefined),
  ]);
  expect(threads).not.toHaveBeenCalled();
  expect(one.layer?.size).toBeGreaterThan(two.layer?.size ?? 0);
  expect((await other.run(job, large, () => undefined)).layer).toEqual(one.layer);
  expect(threads).toHaveBeenCalledOnce();
  process.off("worker", threads);
});
