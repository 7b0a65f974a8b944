import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type Digest, sha256 } from "../files/digest.ts";
import { pruningFile } from "./claim.ts";
import { storeContents } from "./contents.ts";
import { prune } from "./prune.ts";
import { Store } from "./store.ts";

const program = new URL("./testdata/prune-process.ts", import.meta.url).pathname;

const day = 24 * 3_600_000;

let root: string;
let store: Store;

beforeEach(async () => {
  const temporary = await mkdtemp(join(tmpdir(), "lamella-prune-"));
  root = join(temporary, "store");
  store = await Store.open(root);
  onTestFinished(async () => {
    await store[Symbol.asyncDispose]();
    await rm(temporary, { recursive: true, force: true });
  });
});

/** Says of something in the store that it was last used so many days ago. */
async function age(path: string, days: number): Promise<void> {
  const then = (Date.now() - days * day) / 1000;
  await utimes(path, then, then);
}

async function blob(content: string, days: number): Promise<Digest> {
  const { digest } = await store.blobs.put(Buffer.from(content));
  await age(store.blobs.path(digest), days);
  return digest;
}

async function memo(key: string, days: number): Promise<void> {
  await store.memos.put("test", key, key);
  for (const path of await paths("memos")) {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs < day / 2) await age(path, days);
  }
}

async function folder(name: string, days: number): Promise<string> {
  const path = store.path(...name.split("/"));
  await mkdir(join(path, "fs/etc"), { recursive: true });
  await writeFile(join(path, "fs/etc/file"), "x".repeat(10_000));
  await age(path, days);
  return path;
}

async function paths(kind: string): Promise<string[]> {
  const all = await Array.fromAsync(storeContents(root));
  return all.filter((one) => one.kind === kind).map(({ path }) => path);
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Another user of the store, who began so many days ago. */
async function otherSession(days: number): Promise<Store> {
  const before = new Set(await readdir(store.path("sessions")));
  const other = await Store.open(root);
  onTestFinished(() => other[Symbol.asyncDispose]());
  await other.hold();
  const lock = (await readdir(store.path("sessions"))).find(
    (name) => name.endsWith(".lock") && !before.has(name),
  );
  await age(store.path("sessions", lock ?? "none"), days);
  return other;
}

describe("by age", () => {
  test("what was not used for longer goes, and the figures are those of the disk", async () => {
    const [old, young] = [await blob("old", 40), await blob("young", 20)];
    await memo("old", 31);
    await memo("young", 29);
    await folder("snapshots/sha256/old", 50);
    const kept = await folder("snapshots/sha256/young", 5);
    await folder("built-wheels/old", 34);
    await folder("caches/old", 33);
    await folder("tools/uv", 90);
    await folder("uv-cache", 31);
    await writeFile(store.path("partial", "f".repeat(64)), "half");
    await age(store.path("partial", "f".repeat(64)), 32);
    const disk = await usage();

    const report = await prune(store, { olderThan: 30 * day });

    expect(await store.blobs.has(old)).toBeUndefined();
    expect(await store.blobs.has(young)).toBe("young".length);
    expect(await store.memos.get("test", "old", String)).toBeUndefined();
    expect(await store.memos.get("test", "young", String)).toBe("young");
    expect(await paths("snapshots")).toEqual([kept]);
    const counts = Object.entries(report.removed).map(([kind, { count }]) => [kind, count]);
    expect(Object.fromEntries(counts)).toEqual({
      blobs: 1,
      partial: 1,
      memos: 1,
      snapshots: 1,
      wheels: 1,
      caches: 1,
      tools: 2,
    });
    expect(report.inUse.count).toBe(0);
    const bytes = Object.values(report.removed).reduce((sum, one) => sum + one.bytes, 0);
    // Folders that hold memos stay.
    expect(disk - (await usage())).toBe(bytes);
  });

  test("to find, read or claim something is to use it", async () => {
    const [found, read, forgotten] = [
      await blob("found", 40),
      await blob("read", 40),
      await blob("forgotten", 40),
    ];
    await memo("asked", 40);
    const snapshot = await folder("snapshots/sha256/claimed", 40);
    await store.blobs.has(found);
    await Array.fromAsync(store.blobs.read(read));
    await store.memos.get("test", "asked", String);
    expect(await store.claimFolder(snapshot)).toBe(true);

    const { removed } = await prune(store, { olderThan: 30 * day });

    expect(removed.blobs.count).toBe(1);
    expect(await Promise.all([found, read, forgotten].map((one) => store.blobs.has(one)))).toEqual([
      5,
      4,
      undefined,
    ]);
    expect(await store.memos.get("test", "asked", String)).toBe("asked");
    expect(await isThere(snapshot)).toBe(true);
  });
});

test("by size, what was not used for longest goes until the rest is small enough", async () => {
  const digests: Digest[] = [];
  for (const days of [3, 9, 1, 7, 5]) digests.push(await blob(`used ${days} days ago`, days));
  const each = (await stat(store.blobs.path(digests[0] as Digest))).blocks * 512;

  const { kept } = await prune(store, { maxSize: each * 2 });

  const left = await Promise.all(digests.map((digest) => store.blobs.has(digest)));
  expect(left.map((size) => size !== undefined)).toEqual([true, false, true, false, false]);
  expect(kept).toEqual({ count: 2, bytes: each * 2 });
});

test("by size, of what was last used at the same time the largest goes first", async () => {
  const small = [await blob("one", 9), await blob("two", 9)];
  const large = await blob("x".repeat(100_000), 9);

  const { kept } = await prune(store, { maxSize: 50_000 });

  expect(kept.count).toBe(2);
  expect(await store.blobs.has(large)).toBeUndefined();
  for (const digest of small) expect(await store.blobs.has(digest)).toBeDefined();
});

test("a dry run says the same and removes nothing", async () => {
  await blob("one", 40);
  await memo("two", 40);
  await folder("snapshots/sha256/three", 40);
  const before = await Array.fromAsync(storeContents(root));

  const said = await prune(store, { dryRun: true });

  expect(await Array.fromAsync(storeContents(root))).toEqual(before);
  expect(await prune(store)).toEqual(said);
  expect(await Array.fromAsync(storeContents(root))).toEqual([]);
});

describe("beside running commands", () => {
  test("what they have used since they began stays, and is counted", async () => {
    const [before, since, claimed] = [
      await blob("before", 5),
      await blob("since", 1),
      await blob("claimed", 30),
    ];
    const other = await otherSession(2);
    expect(await other.blobs.has(claimed)).toBeDefined();
    const made = (await other.blobs.put(Buffer.from("made"))).digest;

    const { removed, inUse } = await prune(store);

    expect(removed.blobs.count).toBe(1);
    expect(inUse.count).toBe(3);
    const left = await Promise.all(
      [before, since, claimed, made].map((digest) => store.blobs.has(digest)),
    );
    expect(left.map((size) => size !== undefined)).toEqual([false, true, true, true]);
  });

  test("a download that goes on is not disturbed", async () => {
    const content = Buffer.from("the whole content");
    const digest = sha256(content);
    {
      await using first = await store.blobs.partial(digest);
      await first.write(content.subarray(0, 4));
    }
    await age(store.path("partial", digest.slice("sha256:".length)), 40);
    await using second = await store.blobs.partial(digest);
    expect(second.offset).toBe(4);
    expect((await prune(store)).removed.partial.count).toBe(0);
    await second.write(content.subarray(4));
    await second.commit();
    expect(await store.blobs.has(digest)).toBe(content.length);
  });

  test("whoever finds something while others prune finds it again, or not at all", async () => {
    const digests = await Promise.all(
      Array.from({ length: 800 }, (_, index) => blob(`content ${index}`, 10)),
    );
    await using other = await Store.open(root);
    await other.hold();
    const found: Digest[] = [];
    const missing: Digest[] = [];
    const pruning = prune(store);
    // Over a second or so: before the announcement, in the half second after it, and while things are removed.
    for (const [index, digest] of digests.entries()) {
      ((await other.blobs.has(digest)) === undefined ? missing : found).push(digest);
      if (index % 2 === 0) await delay(1);
    }
    await pruning;
    expect(found.length).toBeGreaterThan(0);
    for (const digest of found) expect(await other.blobs.has(digest)).toBeDefined();
    for (const digest of missing) expect(await isThere(other.blobs.path(digest))).toBe(false);
  });

  test("who is pruning is believed as long as he lives", async () => {
    const old = await blob("old", 10);
    const young = (await store.blobs.put(Buffer.from("young"))).digest;
    const snapshot = await folder("snapshots/sha256/old", 10);
    const announcing = await Store.open(root);
    await announcing.hold();
    const sessions = await readdir(store.path("sessions"));
    const name = sessions.find((one) => one.endsWith(".lock")) ?? "";
    await writeFile(store.path(pruningFile), name.slice(0, -".lock".length));
    expect(await store.blobs.has(old)).toBeUndefined();
    expect(await store.blobs.has(young)).toBeDefined();
    const claiming = store.claimFolder(snapshot);
    expect(await Promise.race([claiming, delay(200, "waits")])).toBe("waits");
    await announcing[Symbol.asyncDispose]();
    // As after `kill -9`: the announcement is there, and its session is not.
    await rm(store.path("sessions", name), { force: true });
    expect(await claiming).toBe(true);
    expect(await store.blobs.has(old)).toBeDefined();
  });
});

test("killed at any moment, it leaves what is there whole, and the next one goes on", async () => {
  for (let round = 0; round < 5; round++) {
    const digests = await Promise.all(
      Array.from({ length: 40 }, (_, index) => blob(`${round} ${index}`, 10)),
    );
    for (let index = 0; index < 10; index++) await folder(`snapshots/sha256/${round}-${index}`, 10);
    const child = spawn(process.execPath, [program, root], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    // The process has the store's session from when it has begun to prune.
    while ((await readdir(store.path("sessions"))).length < 4 && child.exitCode === null) {
      await delay(5);
    }
    await delay(round * 150);
    child.kill("SIGKILL");
    await once(child, "exit");
    await using next = await Store.open(root);
    for (const path of await paths("snapshots")) {
      expect((await stat(join(path, "fs/etc/file"))).size).toBe(10_000);
    }
    for (const digest of digests) {
      if ((await next.blobs.has(digest)) === undefined) continue;
      await Array.fromAsync(next.blobs.read(digest));
    }
    expect(
      (await readdir(next.path("sessions"))).filter((name) => name.endsWith(".lock")),
    ).toHaveLength(1);
  }
  await prune(store);
  expect(await isThere(store.path(pruningFile))).toBe(false);
}, 60_000);

/** Bytes that the store's content takes on the disk, by du(1). */
async function usage(): Promise<number> {
  const folders = [
    "blobs/sha256",
    "partial",
    "memos",
    "snapshots",
    "built-wheels",
    "caches",
    "tools",
    "uv-cache",
  ];
  const there = (
    await Promise.all(
      folders.map(async (name) => ((await isThere(store.path(name))) ? [store.path(name)] : [])),
    )
  ).flat();
  const { stdout } = await promisify(execFile)("du", ["-s", "--block-size=1", ...there]);
  return stdout
    .trim()
    .split("\n")
    .reduce((sum, line) => sum + Number(line.split("\t")[0]), 0);
}
