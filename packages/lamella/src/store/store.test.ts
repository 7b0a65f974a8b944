import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Digest, digestHex, sha256 } from "../files/digest.ts";
import { BlobNotFoundError, CorruptBlobError, DigestMismatchError } from "./error.ts";
import { Store } from "./store.ts";
import { defaultStoreRoot } from "./store-root.ts";

let root: string;
let store: Store;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lamella-store-"));
  store = await Store.open(root);
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

async function content(digest: Digest, offset = 0): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(store.blobs.read(digest, { offset })));
}

function parseNumber(value: unknown): number {
  if (typeof value !== "number") throw new TypeError("not a number");
  return value;
}

/** Names of temporary files and scratch folders, of all sessions. */
async function unfinished(): Promise<string[]> {
  const sessions = await readdir(join(root, "sessions"), { withFileTypes: true });
  const folders = sessions.filter((entry) => entry.isDirectory());
  return (
    await Promise.all(folders.map(({ name }) => readdir(join(root, "sessions", name))))
  ).flat();
}

describe("blobs", () => {
  test("what was put is read back, whole and from an offset", async () => {
    const bytes = Buffer.from("a thin layer");
    const stored = await store.blobs.put(bytes);
    expect(stored).toEqual({ digest: sha256(bytes), size: bytes.length });
    expect(await store.blobs.has(stored.digest)).toBe(bytes.length);
    expect(await content(stored.digest)).toEqual(bytes);
    expect(await content(stored.digest, 7)).toEqual(Buffer.from("layer"));
    expect(store.blobs.path(stored.digest)).toBe(
      join(root, "blobs", "sha256", digestHex(stored.digest)),
    );
  });

  test("any sequence of chunks is one blob", async () => {
    // Sizes around the writer's buffer of 256 KiB.
    const size = fc.oneof(fc.nat(100), fc.integer({ min: 250_000, max: 270_000 }), fc.nat(700_000));
    await fc.assert(
      fc.asyncProperty(fc.array(size, { maxLength: 6 }), async (sizes) => {
        const chunks = sizes.map((length, index) => Buffer.alloc(length, index + 1));
        await using writer = await store.blobs.create();
        for (const chunk of chunks) {
          const copy = Buffer.from(chunk);
          await writer.write(copy);
          // The writer has taken the bytes: what the caller does with them now is nobody's business.
          copy.fill(0xff);
        }
        const { digest } = await writer.commit();
        expect(digest).toBe(sha256(Buffer.concat(chunks)));
        expect(sha256(await content(digest))).toBe(digest);
      }),
      { numRuns: 40 },
    );
  });

  test("other content than expected is refused, and nothing of it stays", async () => {
    await using writer = await store.blobs.create(sha256("expected"));
    await writer.write(Buffer.from("something else"));
    await expect(writer.commit()).rejects.toThrow(DigestMismatchError);
    expect(await readdir(join(root, "blobs/sha256"))).toEqual([]);
    expect(await unfinished()).toEqual([]);
  });

  test("a writer that is given up leaves nothing", async () => {
    {
      await using writer = await store.blobs.create();
      await writer.write(Buffer.alloc(1_000_000));
      expect(await unfinished()).toHaveLength(1);
    }
    expect(await unfinished()).toEqual([]);
    expect(await readdir(join(root, "blobs/sha256"))).toEqual([]);
  });

  test.each([
    ["changed", async (path: string) => await writeFile(path, "a thick layer")],
    ["truncated", async (path: string) => await truncate(path, 3)],
  ])("a blob that was %s on disk is noticed and removed", async (_, damage) => {
    const { digest } = await store.blobs.put(Buffer.from("a thin layer"));
    await damage(store.blobs.path(digest));
    await expect(content(digest)).rejects.toThrow(CorruptBlobError);
    expect(await store.blobs.has(digest)).toBeUndefined();
    await expect(content(digest)).rejects.toThrow(BlobNotFoundError);
  });

  test("a blob that is written again replaces a damaged one", async () => {
    const { digest } = await store.blobs.put(Buffer.from("a thin layer"));
    await truncate(store.blobs.path(digest), 3);
    await store.blobs.put(Buffer.from("a thin layer"));
    expect(await content(digest)).toEqual(Buffer.from("a thin layer"));
  });

  test("writers of one digest at once all succeed, in several threads too", async () => {
    const bytes = Buffer.alloc(3_000_000, "lamella");
    const threads = Array.from({ length: 2 }, async () => {
      const worker = new Worker(new URL("./testdata/write-blob-thread.ts", import.meta.url), {
        workerData: { root, bytes },
      });
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      worker.once("message", resolve);
      worker.once("error", reject);
      return await promise;
    });
    const here = Array.from({ length: 4 }, async () => await store.blobs.put(bytes));
    const stored = { digest: sha256(bytes), size: bytes.length };
    expect(await Promise.all([...threads, ...here])).toEqual(
      Array.from({ length: 6 }, () => stored),
    );
    expect(sha256(await content(stored.digest))).toBe(stored.digest);
  });
});

describe("partial blobs", () => {
  const bytes = Buffer.alloc(1_000_000, "partial ");
  const digest = sha256(bytes);

  test("continue where the last attempt ended", async () => {
    {
      await using first = await store.blobs.partial(digest);
      expect(first.offset).toBe(0);
      await first.write(bytes.subarray(0, 600_001));
    }
    await using second = await store.blobs.partial(digest);
    expect(second.offset).toBe(600_001);
    await second.write(bytes.subarray(second.offset));
    expect(await second.commit()).toEqual({ digest, size: bytes.length });
    expect(await content(digest)).toEqual(bytes);
    expect(await readdir(join(root, "partial"))).toEqual([]);
  });

  test("begin anew after a wrong end", async () => {
    {
      await using first = await store.blobs.partial(digest);
      await first.write(Buffer.from("not at all that"));
      await expect(first.commit()).rejects.toThrow(DigestMismatchError);
    }
    await using second = await store.blobs.partial(digest);
    expect(second.offset).toBe(0);
  });

  test("are one process's at a time", async () => {
    const first = await store.blobs.partial(digest);
    await expect(store.blobs.partial(digest, { signal: AbortSignal.timeout(50) })).rejects.toThrow(
      "timeout",
    );
    const waiting = store.blobs.partial(digest);
    await first.write(bytes);
    await first.commit();
    await first[Symbol.asyncDispose]();
    {
      await using _ = await waiting;
      expect(await store.blobs.has(digest)).toBe(bytes.length);
    }
    expect(await readdir(join(root, "partial"))).toEqual([]);
  });
});

describe("memos", () => {
  test("are remembered by namespace and key", async () => {
    await store.memos.put("sizes", "wheel 1", 17);
    expect(await store.memos.get("sizes", "wheel 1", parseNumber)).toBe(17);
    expect(await store.memos.get("sizes", "wheel 2", parseNumber)).toBeUndefined();
    expect(await store.memos.get("others", "wheel 1", parseNumber)).toBeUndefined();
    await store.memos.put("sizes", "wheel 1", 18);
    expect(await store.memos.get("sizes", "wheel 1", parseNumber)).toBe(18);
  });

  test("that do not parse are absent", async () => {
    await store.memos.put("sizes", "wheel", "seventeen");
    expect(await store.memos.get("sizes", "wheel", parseNumber)).toBeUndefined();
    const [name] = await readdir(join(root, "memos/sizes"), { recursive: true }).then((names) =>
      names.filter((path) => path.endsWith(".json")),
    );
    for (const damaged of ["", '{"key":"wheel"', "null", '{"key":"other","value":17}']) {
      await writeFile(join(root, "memos/sizes", name ?? ""), damaged);
      expect(await store.memos.get("sizes", "wheel", parseNumber)).toBeUndefined();
    }
    await store.memos.put("sizes", "wheel", 17);
    expect(await store.memos.get("sizes", "wheel", parseNumber)).toBe(17);
  });
});

describe("scratch folders", () => {
  test("end with their owner", async () => {
    let path: string;
    {
      await using scratch = await store.scratch("work");
      path = scratch.path;
      await writeFile(join(path, "file"), "text");
    }
    await expect(stat(path)).rejects.toThrow("ENOENT");
  });

  test("of others who live are left alone", async () => {
    await using scratch = await store.scratch("work");
    await using _ = await Store.open(root);
    expect((await stat(scratch.path)).isDirectory()).toBe(true);
  });
});

test("what a program wrote into the folder of a session that is gone is removed", async () => {
  const late = join(root, "sessions/0123456789abcdef/resolve-late");
  await mkdir(late, { recursive: true });
  await writeFile(join(late, "pylock.toml"), "");
  await using _ = await Store.open(root);
  expect(await readdir(join(root, "sessions"))).toEqual([]);
});

test("a store is its user's alone", async () => {
  const fresh = join(root, "new", "store");
  await using _ = await Store.open(fresh);
  expect((await stat(fresh)).mode & 0o777).toBe(0o700);
});

test("files of images are their user's alone in a store that others may enter", async () => {
  const open = join(root, "open");
  await mkdir(join(open, "snapshots"), { recursive: true, mode: 0o755 });
  await using _ = await Store.open(open);
  for (const name of ["snapshots", "sessions", "caches"]) {
    expect((await stat(join(open, name))).mode & 0o777, name).toBe(0o700);
  }
  expect((await stat(open)).mode & 0o777).toBe(0o755);
});

test("a store that is closed leaves no session", async () => {
  await store.blobs.put(Buffer.from("a thin layer"));
  await store[Symbol.asyncDispose]();
  expect(await readdir(join(root, "sessions"))).toEqual([]);
});

test("a store that is closed takes nothing more", async () => {
  await store.blobs.put(Buffer.from("a thin layer"));
  await store[Symbol.asyncDispose]();
  await expect(store.blobs.put(Buffer.from("too late"))).rejects.toThrow("is closed");
  await expect(store.memos.put("late", "key", 1)).rejects.toThrow("is closed");
  expect(await readdir(join(root, "sessions"))).toEqual([]);
});

test("a store that is closed takes with it what a thread left that was ended", async () => {
  const thread = new Worker(new URL("./testdata/write-for-ever-thread.ts", import.meta.url), {
    workerData: { root },
  });
  await once(thread, "message");
  await thread.terminate();
  expect(await unfinished()).not.toEqual([]);
  await store[Symbol.asyncDispose]();
  expect(await readdir(join(root, "sessions"))).toEqual([]);
});

test("a file where the store should be is said", async () => {
  await writeFile(join(root, "file"), "");
  await expect(Store.open(join(root, "file"))).rejects.toMatchObject({
    code: "store-not-writable",
    hint: expect.stringContaining("LAMELLA_HOME"),
  });
});

test("the default is LAMELLA_HOME, else a folder in the user's cache", () => {
  expect(defaultStoreRoot({ LAMELLA_HOME: "/a", HOME: "/h" })).toBe("/a");
  expect(defaultStoreRoot({ LAMELLA_HOME: "", XDG_CACHE_HOME: "/c" })).toBe("/c/lamella");
  expect(defaultStoreRoot({ XDG_CACHE_HOME: "relative", HOME: "/h" })).toBe("/h/.cache/lamella");
});
