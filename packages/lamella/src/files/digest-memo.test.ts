import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Digest, sha256 } from "./digest.ts";
import { DigestMemo } from "./digest-memo.ts";
import type { FileStats } from "./file-stats.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "digest-memo-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A minute on: what was written just now has settled. */
const later = { now: () => Date.now() + 60_000 };

async function sample(name = "a", text = "text"): Promise<[FileStats, Digest]> {
  const path = join(folder, name);
  await writeFile(path, text);
  return [await stat(path, { bigint: true }), sha256(text)];
}

test("a digest is remembered across processes for exactly the file it is of", async () => {
  const [stats, digest] = await sample();
  const path = join(folder, "memo");
  {
    await using memo = await DigestMemo.load(path, later);
    memo.remember(stats, digest);
    expect(memo.lookup(stats)).toBe(digest);
  }
  const memo = await DigestMemo.load(path);
  expect(memo.lookup(stats)).toBe(digest);
  for (const part of ["dev", "ino", "size", "mtimeNs", "ctimeNs"] as const) {
    expect(memo.lookup({ ...stats, [part]: stats[part] + 1n }), part).toBeUndefined();
    expect(memo.lookup({ ...stats, [part]: stats[part] * 10n }), part).toBeUndefined();
    expect(memo.lookup({ ...stats, [part]: stats[part] / 10n }), part).toBeUndefined();
  }
});

test("what was changed within the last two seconds, or in the future, is not remembered", async () => {
  const [stats, digest] = await sample();
  for (const [age, remembered] of [
    [0, false],
    [1_900, false],
    [-60_000, false],
    [2_100, true],
  ] as const) {
    const memo = DigestMemo.inMemory({ now: () => Number(stats.ctimeNs / 1_000_000n) + age });
    memo.remember(stats, digest);
    expect(memo.lookup(stats), `${age} ms`).toBe(remembered ? digest : undefined);
  }
});

test("any damage to the file makes it empty, and the next save mends it", async () => {
  const [stats, digest] = await sample();
  const path = join(folder, "memo");
  const memo = await DigestMemo.load(path, later);
  memo.remember(stats, digest);
  await memo.save();
  const good = await readFile(path, "latin1");
  for (let at = 0; at < good.length; at += 7) {
    const flipped = String.fromCharCode(good.charCodeAt(at) ^ 1);
    await writeFile(path, good.slice(0, at) + flipped + good.slice(at + 1), "latin1");
    expect((await DigestMemo.load(path)).lookup(stats)).toBeUndefined();
    await writeFile(path, good.slice(0, at), "latin1");
    expect((await DigestMemo.load(path)).lookup(stats)).toBeUndefined();
  }
  const mender = await DigestMemo.load(path, later);
  mender.remember(stats, digest);
  await mender.save();
  expect((await DigestMemo.load(path)).lookup(stats)).toBe(digest);
});

test("two writers keep what the other wrote before", async () => {
  const path = join(folder, "memo");
  const [one, other] = [await DigestMemo.load(path, later), await DigestMemo.load(path, later)];
  const [a, digestOfA] = await sample("a", "a");
  const [b, digestOfB] = await sample("b", "b");
  one.remember(a, digestOfA);
  other.remember(b, digestOfB);
  await one.save();
  await other.save();
  const memo = await DigestMemo.load(path);
  expect([memo.lookup(a), memo.lookup(b)]).toEqual([digestOfA, digestOfB]);
});

test("what is being written is where the owner wants it, who sees to it when the process is killed", async () => {
  const [stats, digest] = await sample();
  const temporaryPath = async (): Promise<string> => join(folder, "missing", "unfinished");
  {
    await using memo = await DigestMemo.load(join(folder, "memo"), { ...later, temporaryPath });
    memo.remember(stats, digest);
  }
  expect(await readdir(folder)).toEqual(["a"]);
  await mkdir(join(folder, "missing"));
  {
    await using memo = await DigestMemo.load(join(folder, "memo"), { ...later, temporaryPath });
    memo.remember(stats, digest);
  }
  expect((await readdir(folder, { recursive: true })).toSorted()).toEqual(["a", "memo", "missing"]);
});

test("a memo that cannot be written costs nothing but time", async () => {
  const path = join(folder, "a-folder");
  await mkdir(path);
  const memo = await DigestMemo.load(path, later);
  memo.remember(...(await sample()));
  await memo.save();
  expect((await stat(path)).isDirectory()).toBe(true);
});
