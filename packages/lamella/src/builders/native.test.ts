import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type RunningRegistry, startRegistry } from "../../testing/docker-registry.ts";
import { directory, file, makeLayer } from "../../testing/made-base.ts";
import { type Config, emptyConfig } from "../config/config.ts";
import { Image } from "../image/image.ts";
import type { Platform } from "../image/platform.ts";
import { assembleImage } from "../oci/assemble.ts";
import { assembleIndex } from "../oci/index-document.ts";
import { isIndex, parseManifest } from "../oci/manifest.ts";
import { createRegistryClient, type RegistryClient } from "../registry/client.ts";
import { anonymous } from "../registry/credentials.ts";
import type { BuildOptions } from "./builder.ts";
import { build, plan } from "./index.ts";

let folder: string;
let registry: RunningRegistry;
let client: RegistryClient;
let config: Config;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-native-"));
  registry = await startRegistry();
  client = createRegistryClient({ registries: {}, credentials: anonymous });
  config = { ...emptyConfig, storeRoot: join(folder, "store") };
  await pushBase();
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

let source: string;
let sources = 0;

beforeEach(async () => {
  source = join(folder, `source-${sources++}`);
  await mkdir(source);
  await writeFile(join(source, "train.py"), `print(${sources})\n`);
});

/** An index for two platforms, without Python: `base:1`. */
async function pushBase(): Promise<void> {
  const repository = client.repository({ registry: registry.host, repository: "base" });
  const layer = await makeLayer([
    directory("etc"),
    file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
  ]);
  await repository.pushBlob(layer, open(layer.bytes));
  const { mediaType, digest, size, diffId } = layer;
  const images = ["amd64", "arm64"].map((architecture) =>
    assembleImage({
      platform: { os: "linux", architecture },
      layers: [{ mediaType, digest, size, diffId, createdBy: "a test" }],
    }),
  );
  for (const { config: document, manifest } of images) {
    await repository.pushBlob(document.descriptor, open(document.bytes));
    const { mediaType: type, digest: reference } = manifest.descriptor;
    await repository.pushManifest(manifest.bytes, type, reference);
  }
  const index = assembleIndex(images.map(({ manifest }) => manifest.descriptor));
  await repository.pushManifest(index.bytes, index.descriptor.mediaType, "1");
}

/** Bytes in memory as a blob is pushed from. */
function open(bytes: Uint8Array): (offset: number) => AsyncGenerator<Uint8Array, void, void> {
  return async function* (offset) {
    yield bytes.subarray(offset);
  };
}

function definition(
  options: { tag?: string; platforms?: readonly Platform[]; registry?: string } = {},
): Image {
  const target = { registry: registry.host, name: "app", ...options };
  return Image.fromBase(`${registry.host}/base:1`, target).withSourceFolder(source, "/app");
}

function settings(more: BuildOptions = {}): BuildOptions {
  return { config, ...more };
}

async function tagged(tag: string): Promise<string | undefined> {
  return (await client.repository({ registry: registry.host, repository: "app" }).resolve(tag))
    ?.digest;
}

describe("a build into a registry", () => {
  test("pushes under the identifier's tag and mounts the base; again it finds it there", async () => {
    const image = definition();
    const first = await build(image, settings());
    expect(first.uri).toBe(image.uri);
    expect(await tagged(image.uri.split(":").at(-1) ?? "")).toBe(first.digest);
    const [base, files] = first.platforms[0]?.layers ?? [];
    expect(base).toMatchObject({ source: "base", delivery: "mounted" });
    expect(files).toMatchObject({ source: "built", delivery: "uploaded", title: "files in /app" });
    expect(await build(image, settings())).toMatchObject({ upToDate: true, digest: first.digest });
    const forced = await build(image, settings({ force: true }));
    expect(forced).toMatchObject({ upToDate: false, digest: first.digest, uploaded: 0 });
  });

  test("writes further tags, and completes them where one is missing", async () => {
    const image = definition();
    const { digest } = await build(image, settings({ tags: ["v1"] }));
    expect(await tagged("v1")).toBe(digest);
    const again = await build(image, settings({ tags: ["v1", "v1.0"] }));
    expect(again).toMatchObject({ upToDate: false, digest });
    expect(await tagged("v1.0")).toBe(digest);
  });

  test("refuses an explicit tag that is another image, and takes it over when forced", async () => {
    const { digest } = await build(definition({ tag: "stable" }), settings());
    expect(await build(definition({ tag: "stable" }), settings())).toMatchObject({
      upToDate: true,
    });
    await writeFile(join(source, "train.py"), "print('other')\n");
    const other = definition({ tag: "stable" });
    await expect(build(other, settings())).rejects.toMatchObject({ code: "tag-taken" });
    expect(await tagged("stable")).toBe(digest);
    const forced = await build(other, settings({ force: true }));
    expect(await tagged("stable")).toBe(forced.digest);
    expect(forced.digest).not.toBe(digest);
  });

  test("holds further tags to the same rule, and refuses what is no tag before anything is sent", async () => {
    await build(definition(), settings({ tags: ["v2"] }));
    await writeFile(join(source, "train.py"), "print('newer')\n");
    const newer = definition();
    await expect(build(newer, settings({ tags: ["v2"] }))).rejects.toMatchObject({
      code: "tag-taken",
    });
    expect((await build(newer, settings({ tags: ["latest"] }))).tags).toContain("latest");
    const bad = build(newer, settings({ tags: ["bad tag"] }));
    await expect(bad).rejects.toMatchObject({ code: "tag-invalid" });
  });

  test("an upgrade says what the tag was before, and still does not take another's", async () => {
    expect(await build(definition({ tag: "up" }), settings({ upgrade: true }))).not.toHaveProperty(
      "previous",
    );
    const first = await tagged("up");
    expect(await build(definition({ tag: "up" }), settings({ upgrade: true }))).toMatchObject({
      upToDate: false,
      previous: first,
    });
    await writeFile(join(source, "train.py"), "print('up')\n");
    await expect(
      build(definition({ tag: "up" }), settings({ upgrade: true })),
    ).rejects.toMatchObject({ code: "tag-taken" });
    const forced = await build(definition({ tag: "up" }), settings({ upgrade: true, force: true }));
    expect(forced).toMatchObject({ previous: first });
    expect(forced).not.toMatchObject({ digest: first });
  });

  test("moves the tag 'latest' without being asked twice", async () => {
    const first = await build(definition({ tag: "latest" }), settings());
    await writeFile(join(source, "train.py"), "print('later')\n");
    const second = await build(definition({ tag: "latest" }), settings());
    expect(second.digest).not.toBe(first.digest);
    expect(await tagged("latest")).toBe(second.digest);
  });

  test("makes one index for several platforms, whose source layers are the same blob", async () => {
    const image = definition({ platforms: ["linux/amd64", "linux/arm64"] });
    const { digest, platforms } = await build(image, settings());
    const app = client.repository({ registry: registry.host, repository: "app" });
    const index = parseManifest((await app.manifest(digest)).bytes);
    if (!isIndex(index)) throw new Error("The tag is no index.");
    expect(index.manifests.map((entry) => entry.platform?.architecture)).toEqual([
      "amd64",
      "arm64",
    ]);
    expect(index.manifests.map((entry) => entry.digest)).toEqual(
      platforms.map((one) => one.digest),
    );
    const [amd64, arm64] = platforms.map(({ layers }) => layers.at(-1)?.digest);
    expect(amd64).toBe(arm64);
  });

  test("tells what it does: the plan, each layer and push, and the result last", async () => {
    const events = await Array.fromAsync(build(definition(), settings()));
    const kinds = events.map(({ kind }) => kind);
    expect(kinds[0]).toBe("started");
    expect(kinds).toContain("planned");
    expect(kinds.at(-1)).toBe("finished");
    const begun = events.flatMap((event) => (event.kind === "task-started" ? [event.task.id] : []));
    const ended = events.flatMap((event) => (event.kind === "task-finished" ? [event.id] : []));
    expect(new Set(ended)).toEqual(new Set(begun));
  });

  test("stops when it is told to, before the tag is written", async () => {
    const image = definition();
    const stop = new AbortController();
    const building = build(image, settings({ signal: stop.signal }));
    for await (const { kind } of building) if (kind === "planned") stop.abort();
    await expect(building).rejects.toThrow();
    expect(await tagged(image.uri.split(":").at(-1) ?? "")).toBeUndefined();
  });
});

describe("a build to elsewhere", () => {
  test("without a registry the image stays in the store, and a push that was asked for is an error", async () => {
    const image = Image.fromBase(`${registry.host}/base:1`, { name: "local" }).withSourceFolder(
      source,
      "/app",
    );
    expect(await build(image, settings())).toMatchObject({ target: "store", upToDate: false });
    expect(await build(image, settings())).toMatchObject({ target: "store", upToDate: true });
    await expect(build(image, settings({ push: true }))).rejects.toMatchObject({
      code: "registry-missing",
    });
  });

  test("a layout gets the very image that a registry gets", async () => {
    const image = definition();
    const pushed = await build(image, settings());
    const output = { kind: "layout", path: join(folder, `layout-${sources}`) } as const;
    const written = await build(image, settings({ output }));
    expect(written).toMatchObject({ target: "layout", upToDate: false, digest: pushed.digest });
    expect(await build(image, settings({ output }))).toMatchObject({ upToDate: true });
  });
});

test("an image that is its base is found, and nothing is built", async () => {
  const result = await build(Image.fromBase(`${registry.host}/base:1`), settings());
  expect(result).toMatchObject({ upToDate: true, uri: `${registry.host}/base:1`, platforms: [] });
});

test("a plan is plain data, and the same for the same files", async () => {
  const plans = await plan(definition(), settings());
  expect(JSON.parse(JSON.stringify(plans))).toEqual(plans);
  expect(await plan(definition(), settings())).toEqual(plans);
  expect(plans[0]?.steps.map(({ kind }) => kind)).toEqual(["source"]);
});
