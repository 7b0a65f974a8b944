import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lockFile, tryLockFile } from "./file-lock.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-lock-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("one at a time has the lock, and nothing lies beside it", async () => {
  const path = join(folder, "a.lock");
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 6 }, async () => {
      await using lock = await lockFile(path);
      most = Math.max(most, ++inside);
      await delay(2);
      // What lay beside it, nobody would remove if this process were killed.
      expect(await readdir(folder)).toEqual(["a.lock"]);
      inside--;
      return lock;
    }),
  );
  expect(most).toBe(1);
  using held = await lockFile(path);
  expect(await tryLockFile(path)).toBeUndefined();
  held[Symbol.dispose]();
  using again = await tryLockFile(path);
  expect(again).toBeDefined();
});

test("a killed process gives its locks free at once", async () => {
  const path = join(folder, "b.lock");
  const holder = new URL("./testdata/hold-lock-process.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [holder, path], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  await expect(lockFile(path, { signal: AbortSignal.timeout(30) })).rejects.toThrow("timeout");
  const waiting = lockFile(path, { signal: AbortSignal.timeout(5_000) });
  child.kill("SIGKILL");
  await using _ = await waiting;
});
