import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, expect, test } from "vitest";
import { sha256 } from "../files/digest.ts";
import type { Descriptor } from "./descriptor.ts";
import {
  BlobMismatchError,
  InvalidDocumentError,
  InvalidLayoutError,
  LayoutNotWritableError,
} from "./error.ts";
import { createLayout, type Layout, openLayout } from "./layout.ts";
import { mediaType } from "./media-type.ts";

const root = await mkdtemp(join(tmpdir(), "lamella-layout-"));
afterAll(() => rm(root, { recursive: true }));
let count = 0;
const folder = (): string => join(root, String(count++));

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("hel");
  throw new Error("connection lost");
}

function manifest(text: string): { descriptor: Descriptor; bytes: Uint8Array } {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, text }));
  return {
    descriptor: { mediaType: mediaType.manifest, digest: sha256(bytes), size: bytes.length },
    bytes,
  };
}

async function names(layout: Layout): Promise<(readonly [string | undefined, string])[]> {
  const { manifests } = await layout.index();
  return manifests.map(
    ({ annotations, digest }) =>
      [annotations?.["org.opencontainers.image.ref.name"], digest] as const,
  );
}

test("what is written can be read back, by others too", async () => {
  const path = folder();
  const layout = await createLayout(path);
  const digest = sha256("hello world");
  expect(await layout.hasBlob(digest)).toBeUndefined();
  await layout.writeBlob(digest, 11, chunks("hello", " world"));
  expect(await layout.hasBlob(digest)).toBe(11);
  expect(Buffer.concat(await Array.fromAsync(layout.readBlob(digest))).toString()).toBe(
    "hello world",
  );

  const one = manifest("one");
  await layout.addManifest({ ...one.descriptor, annotations: { a: "b" } }, one.bytes, "latest");
  const again = await openLayout(path);
  expect((await again.manifest("latest"))?.bytes).toEqual(one.bytes);
  expect((await again.manifest())?.descriptor).toEqual({
    ...one.descriptor,
    annotations: { a: "b", "org.opencontainers.image.ref.name": "latest" },
  });
  expect(await again.manifest("other")).toBeUndefined();
  expect(JSON.parse(await readFile(join(path, "oci-layout"), "utf8"))).toEqual({
    imageLayoutVersion: "1.0.0",
  });
  expect((await readdir(path)).sort()).toEqual([
    ".lamella-lock",
    "blobs",
    "index.json",
    "oci-layout",
  ]);
});

test("a name moves, what has no name is listed once, and the rest stays", async () => {
  const layout = await createLayout(folder());
  const [one, two] = [manifest("one"), manifest("two")];
  await layout.addManifest(one.descriptor, one.bytes, "a");
  await layout.addManifest(one.descriptor, one.bytes, "b");
  await layout.addManifest(two.descriptor, two.bytes, "a");
  await layout.addManifest(two.descriptor, two.bytes);
  await layout.addManifest(two.descriptor, two.bytes);
  expect(await names(layout)).toEqual([
    ["b", one.descriptor.digest],
    ["a", two.descriptor.digest],
    [undefined, two.descriptor.digest],
  ]);
  expect(await layout.manifest()).toBeUndefined();
});

test("a stream of other bytes leaves nothing", async () => {
  const layout = await createLayout(folder());
  const digest = sha256("hello");
  for (const [size, text] of [
    [5, "hallo"],
    [5, "hell"],
    [4, "hello"],
    [5, "hello world"],
  ] as const) {
    await expect(layout.writeBlob(digest, size, chunks(text))).rejects.toThrow(BlobMismatchError);
  }
  await expect(layout.writeBlob(digest, 5, failing())).rejects.toThrow("connection lost");
  const reason = new Error("stopped");
  await expect(
    layout.writeBlob(digest, 5, chunks("hello"), { signal: AbortSignal.abort(reason) }),
  ).rejects.toBe(reason);
  const one = manifest("one");
  await expect(layout.addManifest(one.descriptor, Buffer.from("{}"))).rejects.toThrow(
    BlobMismatchError,
  );
  expect(await readdir(join(layout.path, "blobs", "sha256"))).toEqual([]);
  expect((await readdir(layout.path)).sort()).toEqual([
    ".lamella-lock",
    "blobs",
    "index.json",
    "oci-layout",
  ]);
});

test("a blob that is there is not read again", async () => {
  const layout = await createLayout(folder());
  await layout.writeBlob(sha256("x"), 1, chunks("x"));
  await layout.writeBlob(sha256("x"), 1, failing());
});

test("damage is noticed", async () => {
  const layout = await createLayout(folder());
  const one = manifest("one");
  await layout.addManifest(one.descriptor, one.bytes, "a");
  await writeFile(layout.blobPath(one.descriptor.digest), Buffer.alloc(one.bytes.length));
  await expect(layout.manifest("a")).rejects.toThrow(InvalidLayoutError);
  await rm(layout.blobPath(one.descriptor.digest));
  await expect(layout.manifest("a")).rejects.toThrow(InvalidLayoutError);
  await expect(layout.readBlob(one.descriptor.digest).next()).rejects.toThrow(InvalidLayoutError);
  await writeFile(join(layout.path, "index.json"), "{");
  await expect(layout.index()).rejects.toThrow(InvalidDocumentError);
  await rm(join(layout.path, "index.json"));
  await expect(layout.index()).rejects.toThrow(InvalidLayoutError);
});

test("folders that are none", async () => {
  await expect(openLayout(folder())).rejects.toThrow(InvalidLayoutError);
  const home = folder();
  await mkdir(home);
  await writeFile(join(home, "letter.txt"), "dear");
  await expect(createLayout(home)).rejects.toThrow(InvalidLayoutError);
  expect(await readdir(home)).toEqual(["letter.txt"]);
  await expect(createLayout(join(home, "letter.txt"))).rejects.toThrow(LayoutNotWritableError);
  const other = folder();
  await mkdir(other);
  await writeFile(join(other, "oci-layout"), '{"imageLayoutVersion":"2.0.0"}');
  await expect(createLayout(other)).rejects.toThrow(InvalidDocumentError);
});

test("what a dead writer left is removed after a day", async () => {
  const path = folder();
  await createLayout(path);
  for (const name of [".lamella-old", ".lamella-new"]) await writeFile(join(path, name), "");
  await utimes(join(path, ".lamella-old"), 0, 0);
  await createLayout(path);
  expect(await readdir(path)).not.toContain(".lamella-old");
  expect(await readdir(path)).toContain(".lamella-new");
});

test("several writers lose nothing", async () => {
  const path = folder();
  const writers = 3;
  const images = 8;
  const program = `
    const { createLayout } = await import(${JSON.stringify(new URL("./layout.ts", import.meta.url).href)});
    const { sha256 } = await import(${JSON.stringify(new URL("../files/digest.ts", import.meta.url).href)});
    const { workerData } = await import("node:worker_threads");
    const layout = await createLayout(${JSON.stringify(path)});
    for (let image = 0; image < ${images}; image++) {
      const bytes = Buffer.from(workerData + "-" + image);
      const descriptor = { mediaType: "x/y", digest: sha256(bytes), size: bytes.length };
      await layout.addManifest(descriptor, bytes, workerData + "-" + image);
    }`;
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
      const worker = new Worker(url, { workerData: String(writer) });
      await new Promise<void>((resolve, reject) => {
        worker.on("error", reject);
        worker.on("exit", () => resolve());
      });
    }),
  );
  const found = (await names(await openLayout(path))).map(([name]) => name);
  expect(found).toHaveLength(writers * images);
  expect(new Set(found).size).toBe(writers * images);
});
