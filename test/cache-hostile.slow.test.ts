import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CacheRecord,
  cacheDocumentType,
  decodeCacheDocument,
} from "../packages/lamella/src/engine/cache/cache-document.ts";
import { sha256 } from "../packages/lamella/src/files/digest.ts";
import { parseReference } from "../packages/lamella/src/image/reference.ts";
import type { Descriptor } from "../packages/lamella/src/oci/descriptor.ts";
import { encodeJson } from "../packages/lamella/src/oci/json.ts";
import {
  createRegistryClient,
  type RegistryClient,
} from "../packages/lamella/src/registry/client.ts";
import { anonymous } from "../packages/lamella/src/registry/credentials.ts";
import {
  builtLayers,
  type CachedProject,
  createCachedProject,
  imageFor,
  layersOf,
  type WatchedBuild,
  watchedBuild,
} from "./cached-project.ts";
import { build } from "./project.ts";

// Caches that were damaged, come from another version, or lie. Whatever they say: the image is what it is without them.

let project: CachedProject;
let client: RegistryClient;
/** Of the image, as it is made without a cache. */
let digest: string;
/** How many layers there are to be made without a cache. */
let all: number;
let honest: Artifact;
let tags = 0;

/** A cache's manifest and its document, as JSON that nobody has looked at. */
interface Artifact {
  readonly manifest: {
    readonly artifactType: string;
    readonly config: Descriptor;
    readonly layers: readonly Descriptor[];
  };
  readonly records: readonly CacheRecord[];
}

beforeAll(async () => {
  project = await createCachedProject();
  client = createRegistryClient({ registries: {}, credentials: anonymous });
  const to = `${project.registry.host}/caches/app:honest`;
  const first = await build(project.machine("first"), ["--cache-to", to]);
  digest = first.digest;
  all = builtLayers(first).length;
  const repository = client.repository(parseReference(to));
  const { bytes } = await repository.manifest("honest");
  const manifest = JSON.parse(Buffer.from(bytes).toString()) as Artifact["manifest"];
  const document = Buffer.concat(await Array.fromAsync(repository.blob(manifest.config)));
  honest = { manifest, records: decodeCacheDocument(document).records };
});
afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await project?.[Symbol.asyncDispose]();
});

/** Pushes an artifact with these bytes for its document, and gives its reference. */
async function push(manifest: object, document: Uint8Array): Promise<string> {
  const tag = `hostile-${++tags}`;
  const repository = client.repository({
    registry: project.registry.host,
    repository: "caches/app",
  });
  const config = { mediaType: cacheDocumentType, digest: sha256(document), size: document.length };
  await repository.pushBlob(config, async function* (offset) {
    yield document.subarray(offset);
  });
  const bytes = encodeJson({ ...honest.manifest, config, ...manifest });
  await repository.pushManifest(bytes, "application/vnd.oci.image.manifest.v1+json", tag);
  return `${project.registry.host}/caches/app:${tag}`;
}

/** Pushes the honest cache with its records changed. */
function pushRecords(change: (record: CacheRecord) => object): Promise<string> {
  return push({}, packed({ version: 1, records: honest.records.map(change) }));
}

/** The image, built by a machine that knows nothing but a cache. */
function buildWith(cache: string): Promise<WatchedBuild> {
  const machine = project.machine(`fresh-${++tags}`);
  return watchedBuild(machine, ["--locked", "--force", "--cache-from", cache]);
}

test("an honest cache is believed, so that the rest of this means something", async () => {
  const { result, warnings } = await buildWith(await pushRecords((record) => record));

  expect(result.digest).toBe(digest);
  expect(builtLayers(result)).toEqual([]);
  expect(warnings).toEqual([]);
});

function packed(json: unknown): Uint8Array {
  return gzipSync(JSON.stringify(json));
}

describe("a cache that cannot be read is a warning, and no more:", () => {
  test.each<readonly [string, object, () => Uint8Array]>([
    ["no gzip", {}, () => Buffer.from("{}")],
    ["cut off", {}, () => packed({ version: 1, records: [] }).subarray(0, -9)],
    ["no document", {}, () => packed({ records: "many" })],
    ["of a later version", {}, () => packed({ version: 2, records: [] })],
    ["a bomb", {}, () => gzipSync(Buffer.alloc(64 * 1024 * 1024))],
    [
      "an artifact of a later version",
      { artifactType: "application/vnd.lamella.cache.v2" },
      () => packed({}),
    ],
    ["another artifact", { artifactType: "application/vnd.example" }, () => packed({})],
    [
      "with a layer of no kind that we know",
      { layers: [] },
      () => packed({ version: 1, records: [1] }),
    ],
  ])("%s", async (_, manifest, bytes) => {
    const { result, warnings } = await buildWith(await push(manifest, bytes()));

    expect(warnings).toEqual(["cache-unreadable"]);
    expect(result.digest).toBe(digest);
    expect(builtLayers(result)).toHaveLength(all);
  });
});

describe("a record that does not fit means work:", () => {
  test("of another recipe", async () => {
    const cache = await pushRecords((record) => ({ ...record, recipe: "0" }));

    const { result, warnings } = await buildWith(cache);

    expect(warnings).toEqual([]);
    expect(result.digest).toBe(digest);
    expect(builtLayers(result)).toHaveLength(all);
  });

  test("of another key", async () => {
    const cache = await pushRecords((record) => ({ ...record, key: sha256(record.key) }));

    const { result } = await buildWith(cache);

    expect(result.digest).toBe(digest);
    expect(builtLayers(result)).toHaveLength(all);
  });

  test.each<readonly [string, string, (value: never) => unknown]>([
    ["a step's that is no result", "steps", () => ({ layer: "sha256:0" })],
    [
      "a step's with a layer that is no number of bytes",
      "steps",
      (value) => withLayer(value, { size: -1 }),
    ],
    [
      "a step's whose layer the cache does not have",
      "steps",
      (value) => withLayer(value, { digest: sha256("other") }),
    ],
    [
      "a step's that is wrong about its size",
      "steps",
      (value) => withLayer(value, { size: 1_000_000 }),
    ],
    [
      "an outline that leads out",
      "outline",
      (value: object) => ({ ...value, links: [["../../etc", "/"]] }),
    ],
    ["an outline of another version", "outline", (value: object) => ({ ...value, version: 99 })],
    ["a size that is none", "wheel-size", () => -5],
    ["grounds that are none", "wheel-grounds", () => [{ no: "ground" }]],
    ["a base's document that is another", "base-document", (value: string) => `${value} `],
    ["a base's document that is no text", "base-document", (value: string) => [value]],
  ])("%s", async (_, namespace, change) => {
    const cache = await pushRecords((record) =>
      record.namespace === namespace ? { ...record, value: change(record.value as never) } : record,
    );

    const { result, warnings } = await buildWith(cache);

    expect(warnings).toEqual([]);
    expect(result.digest).toBe(digest);
    if (namespace === "steps") expect(builtLayers(result)).toHaveLength(all);
  });

  test("a name of an image, or of anything else that no cache may say", async () => {
    const record = {
      namespace: "images",
      key: "app:latest",
      recipe: "1",
      value: honest.manifest.config,
    };
    const records = [record, ...honest.records];
    const cache = await push({}, packed({ version: 1, records }));

    const { result, warnings } = await buildWith(cache);

    expect(warnings).toEqual([]);
    expect(builtLayers(result)).toEqual([]);
  });
});

test("layers that the registry has lost are made again", async () => {
  const cache = await pushRecords((record) => record);
  for (const { digest: layer } of honest.manifest.layers) {
    const url = `http://${project.registry.host}/v2/caches/app/blobs/${layer}`;
    expect((await fetch(url, { method: "DELETE" })).status).toBe(202);
  }
  // The image's own repository has them still.
  await project.write("image.ts", imageFor(`${project.registry.host}/moved`, "app"));

  const { result, warnings } = await buildWith(cache);

  expect(warnings).toEqual([]);
  expect(builtLayers(result)).toHaveLength(all);
  expect(layersOf(result).filter(({ source }) => source === "cached")).toEqual([]);
});

function withLayer(value: { readonly layer?: object }, change: object): object {
  return value.layer ? { layer: { ...value.layer, ...change } } : value;
}
