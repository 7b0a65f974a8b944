import { randomBytes } from "node:crypto";
import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type RunningRegistry, startRegistry } from "../../testing/docker-registry.ts";
import { directory, file, type MadeLayer, makeLayer, symlink } from "../../testing/made-base.ts";
import { sha256 } from "../files/digest.ts";
import { parseReference, type Reference } from "../image/reference.ts";
import { type AssembledImage, assembleImage } from "../oci/assemble.ts";
import { InvalidTarError, PlatformNotFoundError } from "../oci/error.ts";
import { assembleIndex } from "../oci/index-document.ts";
import { createRegistryClient, type RegistryClient } from "../registry/client.ts";
import { anonymous } from "../registry/credentials.ts";
import { CorruptBlobError } from "../store/error.ts";
import { Store } from "../store/store.ts";
import { basePlatforms, loadBase } from "./base.ts";
import { DiffIdMismatchError } from "./error.ts";
import { encodeOutlineAnnotation, outlineAnnotation, outlineKey } from "./outline-annotation.ts";
import { readOutline } from "./read-outline.ts";

let registry: RunningRegistry;
let client: RegistryClient;
let folder: string;
let store: Store;

beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-base-"));
  store = await Store.open(folder);
  client = createRegistryClient({ registries: {}, credentials: anonymous });
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function imageOf(
  layers: readonly MadeLayer[],
  annotations: Record<string, string> = {},
  architecture = "amd64",
): AssembledImage {
  return assembleImage({
    platform: { os: "linux", architecture },
    layers: layers.map(({ mediaType, digest, size, diffId }) => ({
      mediaType,
      digest,
      size,
      diffId,
      createdBy: "by hand",
    })),
    changes: { env: { PATH: "/usr/bin" } },
    annotations,
  });
}

async function push(name: string, image: AssembledImage, layers: readonly MadeLayer[]) {
  const reference = parseReference(`${registry.host}/${name}`);
  const repository = client.repository(reference);
  for (const layer of layers) {
    await repository.pushBlob(layer, async function* (offset) {
      yield layer.bytes.subarray(offset);
    });
  }
  await repository.pushBlob(image.config.descriptor, async function* (offset) {
    yield image.config.bytes.subarray(offset);
  });
  const { bytes, descriptor } = image.manifest;
  await repository.pushManifest(bytes, descriptor.mediaType, reference.tag ?? descriptor.digest);
  return reference;
}

/** Which of the layers the registry was asked for since `before`. */
async function downloads(layers: readonly MadeLayer[], before: number): Promise<number[]> {
  const asked = (await registry.accessLog()).slice(before).filter(({ method }) => method === "GET");
  return layers.flatMap(({ digest }, index) =>
    asked.some(({ path }) => path.includes(digest)) ? [index] : [],
  );
}

async function requests(): Promise<number> {
  return (await registry.accessLog()).length;
}

const system = [
  symlink("bin", "usr/bin"),
  file("usr/bin/python3.11", "\x003.11.2\x00"),
  symlink("usr/bin/python3", "python3.11"),
  file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
];

describe("loadBase", () => {
  test("reads the layers once, into the store, and remembers", async () => {
    const layers = await Promise.all([
      makeLayer(system),
      makeLayer([directory("home/ada", { mode: 0o700, uid: 1000 })]),
    ]);
    const reference = await push("once:1", imageOf(layers), layers);
    const seen: number[][] = [];
    const first = await loadBase(reference, {
      client,
      store,
      onProgress: (read, total) => seen.push([read, total]),
    });
    expect(first.outlineKnown).toBe(false);
    expect(first.platform).toBe("linux/amd64");
    expect(first.outline.python?.version).toBe("3.11.2");
    expect(first.outline.directories.get("home/ada")).toEqual({ mode: 0o700, uid: 1000, gid: 0 });
    expect(first.layers.map(({ diffId }) => diffId)).toEqual(layers.map(({ diffId }) => diffId));
    const total = layers.reduce((sum, { size }) => sum + size, 0);
    expect(seen.at(-1)).toEqual([total, total]);
    for (const { digest, size } of layers) expect(await store.blobs.has(digest)).toBe(size);

    const before = await requests();
    const second = await loadBase(reference, { client, store });
    expect(second.outlineKnown).toBe(true);
    expect(second.outline).toEqual(first.outline);
    expect(await downloads(layers, before)).toEqual([]);
  });

  test("what is named by a digest and known is not asked for at all", async () => {
    const layers = [await makeLayer([file("digest")])];
    const image = imageOf(layers);
    const tagged = await push("pinned:1", image, layers);
    await loadBase(tagged, { client, store });
    const { tag: _, ...name } = tagged;
    const pinned: Reference = { ...name, digest: image.manifest.descriptor.digest };
    const before = await requests();
    expect((await loadBase(pinned, { client, store })).descriptor.digest).toBe(pinned.digest);
    expect(await requests()).toBe(before);
  });

  test("an annotation tells, and no byte of a layer is read", async () => {
    const layers = [await makeLayer([...system, file("annotation")])];
    const outline = await readOutline(layers, {});
    const key = outlineKey([layers[0]!.diffId], ["PATH=/usr/bin"]);
    const carried = encodeOutlineAnnotation(outline, key) ?? "";
    const image = imageOf(layers, { [outlineAnnotation]: carried });
    const before = await requests();
    const base = await loadBase(await push("annotated:1", image, layers), { client, store });
    expect(base.outlineKnown).toBe(true);
    expect(base.outline).toEqual(outline);
    expect(await downloads(layers, before)).toEqual([]);

    const above = [...layers, await makeLayer([directory("on/top")])];
    const copied = imageOf(above, { [outlineAnnotation]: carried });
    const derived = await loadBase(await push("annotated:2", copied, above), { client, store });
    expect(derived.outlineKnown).toBe(false);
    expect(derived.outline.directories.has("on/top")).toBe(true);
  });

  test("layers that bases share are read once", async () => {
    const shared = await makeLayer([...system, file("shared")]);
    const one = [shared, await makeLayer([directory("one")])];
    const two = [shared, await makeLayer([directory("two")]), shared];
    await loadBase(await push("shared:1", imageOf(one), one), { client, store });
    const reference = await push("shared:2", imageOf(two), two);
    const before = await requests();
    const { outline } = await loadBase(reference, { client, store });
    expect(await downloads(two, before)).toEqual([1]);
    expect([...outline.directories.keys()]).toContain("two");
  });

  test("a layer that is not what the config says is refused, and not remembered for others", async () => {
    const honest = await makeLayer([file("honest")]);
    const other = await makeLayer([directory("evil")]);
    const lying = [{ ...other, diffId: honest.diffId }];
    const reference = await push("lying:1", imageOf(lying), lying);
    await expect(loadBase(reference, { client, store })).rejects.toThrow(DiffIdMismatchError);
    const { outline } = await loadBase(await push("honest:1", imageOf([honest]), [honest]), {
      client,
      store,
    });
    expect(outline.directories.has("evil")).toBe(false);
  });

  test("a hostile layer is named, and damage of the store's copy is told from it", async () => {
    const hostile = await makeLayer([file("../evil")]);
    const reference = await push("hostile:1", imageOf([hostile]), [hostile]);
    const loading = loadBase(reference, { client, store });
    await expect(loading).rejects.toThrow(InvalidTarError);
    await expect(loading).rejects.toThrow('"../evil"');
    await expect(loading).rejects.toThrow(`layer ${hostile.digest} of ${registry.host}/hostile.`);

    const layer = await makeLayer([directory("whole"), file("whole/data", randomBytes(50_000))]);
    const whole = await push("whole:1", imageOf([layer]), [layer]);
    await store.blobs.put(layer.bytes);
    await truncate(store.blobs.path(layer.digest), layer.size - 1000);
    await expect(loadBase(whole, { client, store })).rejects.toThrow(CorruptBlobError);
    // It was removed, and is fetched.
    const { outline } = await loadBase(whole, { client, store });
    expect(outline.directories.has("whole")).toBe(true);
  });

  test("of an index the platform's image, passing over attestations", async () => {
    const layers = [await makeLayer([file("indexed")])];
    const amd = imageOf(layers);
    const arm = imageOf(layers, {}, "arm64");
    const reference = await push("index:1", amd, layers);
    const repository = client.repository(reference);
    await push("index:arm", arm, layers);
    const index = assembleIndex([
      { ...amd.manifest.descriptor, platform: { os: "unknown", architecture: "unknown" } },
      {
        ...arm.manifest.descriptor,
        platform: { os: "linux", architecture: "arm64", variant: "v8" },
      },
      { ...amd.manifest.descriptor, platform: { os: "linux", architecture: "amd64" } },
    ]);
    await repository.pushManifest(index.bytes, index.descriptor.mediaType, "all");
    const all = { ...reference, tag: "all" };
    expect(await basePlatforms(all, { client, store })).toEqual(["linux/amd64", "linux/arm64"]);
    const base = await loadBase(all, { client, store, platform: "linux/arm64" });
    expect(base.platform).toBe("linux/arm64");
    expect(base.indexDescriptor?.digest).toBe(index.descriptor.digest);
    expect(base.descriptor.digest).toBe(arm.manifest.descriptor.digest);
    const own = await loadBase(all, { client, store });
    expect(own.platform).toBe(process.arch === "arm64" ? "linux/arm64" : "linux/amd64");
  });

  test("another platform than the image's is an error that names both", async () => {
    const layers = [await makeLayer([file("amd64 only")])];
    const reference = await push("single:1", imageOf(layers), layers);
    const loading = loadBase(reference, { client, store, platform: "linux/arm64" });
    await expect(loading).rejects.toThrow(PlatformNotFoundError);
    await expect(loading).rejects.toThrow(/linux\/arm64.*linux\/amd64/);
    expect(await basePlatforms(reference, { client, store })).toEqual(["linux/amd64"]);
  });

  test("a damaged document in the store is fetched again", async () => {
    const layers = [await makeLayer([file("damaged")])];
    const image = imageOf(layers);
    const reference = await push("damaged:1", image, layers);
    await loadBase(reference, { client, store });
    const { writeFile } = await import("node:fs/promises");
    await writeFile(store.blobs.path(image.config.descriptor.digest), "damaged");
    const base = await loadBase(reference, { client, store });
    expect(base.config.architecture).toBe("amd64");
  });

  test("cancelling ends it", async () => {
    const layers = [await makeLayer([file("cancelled")])];
    const reference = await push("cancelled:1", imageOf(layers), layers);
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(loadBase(reference, { client, store, signal })).rejects.toBe(reason);
    expect(await store.blobs.has(sha256(layers[0]!.bytes))).toBeUndefined();
  });
});
