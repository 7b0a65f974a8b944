import { execFile } from "node:child_process";
import { lstat, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sha256 } from "../files/digest.ts";
import type { Layer } from "../oci/descriptor.ts";
import { mediaType } from "../oci/media-type.ts";
import { Store } from "../store/store.ts";
import { unpackSnapshots } from "./snapshot.ts";
import { type TestEntry, tarOf } from "./testdata/tar-of.ts";

const run = promisify(execFile);

let folder: string;
let store: Store;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-snapshot-"));
  store = await Store.open(join(folder, "store"));
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function layerOf(
  tar: Buffer,
  blob: Uint8Array = tar,
  type: string = mediaType.layerTar,
): Promise<Layer> {
  return { ...(await store.blobs.put(blob)), mediaType: type, diffId: sha256(tar) };
}

async function unpack(entries: readonly TestEntry[]): Promise<string> {
  const [snapshot] = await unpackSnapshots([await layerOf(tarOf(entries))], store);
  return snapshot?.path ?? "";
}

test("owner, mode, time, links, devices and attributes are as the layer says", async () => {
  const long = "x".repeat(200);
  const path = await unpack([
    { path: "", kind: "directory", mode: 0o711 },
    { path: "d", kind: "directory", mode: 0o1777, uid: 12, gid: 34, mtime: 1_000_000 },
    { path: "d/suid", mode: 0o4755, uid: 3_000_000, text: "program", mtime: 1_234_567_890.5 },
    { path: `d/ä ${long}`, text: "text" },
    { path: "absolute", kind: "symlink", target: "/etc/passwd", uid: 5 },
    { path: "hard", kind: "hardlink", target: "d/suid" },
    { path: "pipe", kind: "fifo", mode: 0o600 },
    { path: "null", kind: "character", mode: 0o666, device: { major: 1, minor: 3 } },
    {
      path: "ping",
      xattrs: new Map([
        ["security.capability", Buffer.from("AQAAAgAgAAAAAAAAAAAAAAAAAAA=", "base64")],
      ]),
    },
  ]);
  expect((await stat(path)).mode & 0o7777).toBe(0o711);
  expect(await stat(join(path, "d"))).toMatchObject({
    mode: 0o41777,
    uid: 12,
    gid: 34,
    mtimeMs: 1e9,
  });
  const suid = await stat(join(path, "d/suid"));
  expect(suid).toMatchObject({
    mode: 0o104755,
    uid: 3_000_000,
    nlink: 2,
    mtimeMs: 1_234_567_890_500,
  });
  expect((await stat(join(path, "hard"))).ino).toBe(suid.ino);
  expect(await readFile(join(path, `d/ä ${long}`), "utf8")).toBe("text");
  expect((await lstat(join(path, "absolute"))).uid).toBe(5);
  expect((await lstat(join(path, "pipe"))).isFIFO()).toBe(true);
  expect((await lstat(join(path, "null"))).rdev).toBe(0x103);
  const getcap = "import os, sys; print(os.getxattr(sys.argv[1], 'security.capability').hex())";
  expect((await run("python3", ["-c", getcap, join(path, "ping")])).stdout.trim()).toBe(
    "0100000200200000000000000000000000000000",
  );
});

test("a layer that tries to get out writes into its own folder", async () => {
  const outside = join(folder, "outside");
  await writeFile(outside, "untouched");
  const path = await unpack([
    { path: "out", kind: "symlink", target: folder },
    { path: "out/outside", text: "overwritten" },
    { path: "up", kind: "symlink", target: "../../../../../../../../.." },
    { path: "up/escaped", text: "escaped" },
    { path: "twice", kind: "symlink", target: outside },
    { path: "twice", text: "overwritten" },
  ]);
  expect(await readFile(outside, "utf8")).toBe("untouched");
  expect(await readFile(join(path, folder, "outside"), "utf8")).toBe("overwritten");
  expect(await readFile(join(path, "escaped"), "utf8")).toBe("escaped");
  expect(await readFile(join(path, "twice"), "utf8")).toBe("overwritten");
});

test("tar, gzip of many members and zstd give the same snapshot, kept once", async () => {
  const tar = tarOf([{ path: "a", text: "a".repeat(100_000) }]);
  const members = Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]);
  const layers = [
    await layerOf(tar),
    await layerOf(tar, members, mediaType.layerGzip),
    await layerOf(tar, zstdCompressSync(tar), mediaType.layerZstd),
  ];
  const paths = new Set<string>();
  for (const layer of layers) {
    const [snapshot] = await unpackSnapshots([layer], store);
    paths.add(snapshot?.path ?? "");
    expect((await stat(join(snapshot?.path ?? "", "a"))).size).toBe(100_000);
    await rm(store.path("snapshots"), { recursive: true });
  }
  const [first, second] = await unpackSnapshots([...layers, ...layers], store);
  expect(first).toEqual(second);
  expect([...paths]).toEqual([first?.path]);
});

test("a config that names another tar than the layer has is refused, and nothing is kept", async () => {
  const layer = await layerOf(tarOf([{ path: "good" }]));
  const evil = { ...layer, ...(await store.blobs.put(tarOf([{ path: "evil" }]))) };
  await expect(unpackSnapshots([evil], store)).rejects.toMatchObject({
    code: "layer-diff-id-mismatch",
  });
  const [snapshot] = await unpackSnapshots([layer], store);
  expect(await readdir(snapshot?.path ?? "")).toEqual(["good"]);
});

test("of two at once one unpacks, and both have it", async () => {
  await using other = await Store.open(store.root);
  const layer = await layerOf(tarOf([{ path: "a", text: "text" }]));
  const told: number[] = [];
  const onProgress = (_: Layer, bytes: number): number => told.push(bytes);
  const [[one], [two]] = await Promise.all([
    unpackSnapshots([layer], store, { onProgress }),
    unpackSnapshots([layer], other, { onProgress }),
  ]);
  expect(one).toEqual(two);
  expect(told).toEqual([layer.size]);
});

test("stopped in the middle it leaves nothing", async () => {
  const layer = await layerOf(tarOf([{ path: "a", text: "a".repeat(3_000_000) }]));
  const stop = new AbortController();
  const onProgress = (): void => stop.abort(new Error("enough"));
  await expect(
    unpackSnapshots([layer], store, { signal: stop.signal, onProgress }),
  ).rejects.toThrow("enough");
  expect(await readdir(store.path("snapshots/sha256"))).toEqual([]);
  await store[Symbol.asyncDispose]();
  expect(await readdir(store.path("sessions"))).toEqual([]);
});

test("a full disk is said", async () => {
  const disk = join(folder, "disk");
  await run("mkdir", [disk]);
  await run("mount", ["-t", "tmpfs", "-o", "size=2m", "lamella-test", disk]);
  try {
    await using small = await Store.open(disk);
    const tar = tarOf([{ path: "a", text: "a".repeat(3_000_000) }]);
    const blob = gzipSync(tar);
    const layer = {
      ...(await small.blobs.put(blob)),
      mediaType: mediaType.layerGzip,
      diffId: sha256(tar),
    };
    await expect(unpackSnapshots([layer], small)).rejects.toMatchObject({
      code: "store-disk-full",
    });
  } finally {
    await run("umount", [disk]);
  }
});
