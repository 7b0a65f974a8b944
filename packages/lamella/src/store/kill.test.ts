import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { sha256 } from "../files/digest.ts";
import { Store } from "./store.ts";

const program = new URL("./testdata/write-blobs-process.ts", import.meta.url).pathname;

test("processes killed as they write leave whole blobs and nothing else", async () => {
  const root = await mkdtemp(join(tmpdir(), "lamella-store-"));
  await using _ = { [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
  for (let attempt = 0; attempt < 6; attempt++) {
    const child = spawn(process.execPath, [program, root], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await delay(Math.random() * 60);
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  await using store = await Store.open(root);
  expect(await readdir(join(root, "sessions"))).toEqual([]);
  const names = await readdir(join(root, "blobs/sha256"));
  expect(names.length).toBeGreaterThanOrEqual(6);
  for (const name of names) {
    // Raises CorruptBlobError for one that is not whole.
    for await (const __ of store.blobs.read(`sha256:${name}`));
  }
  expect(await store.memos.get("rounds", "last", Number)).toBeTypeOf("number");

  const whole = Buffer.alloc(2_000_000, "partial");
  await using partial = await store.blobs.partial(sha256(whole));
  await partial.write(whole.subarray(partial.offset));
  expect(await partial.commit()).toEqual({ digest: sha256(whole), size: whole.length });
});
