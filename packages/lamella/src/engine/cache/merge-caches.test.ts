import * as fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "../../files/digest.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { mediaType } from "../../oci/media-type.ts";
import { type CacheRecord, encodeCacheDocument } from "./cache-document.ts";
import { mergeCaches } from "./merge-caches.ts";
import type { StoredCache } from "./read-cache.ts";

function layer(name: string): Descriptor {
  return { mediaType: mediaType.layerGzip, digest: sha256(name), size: 1 };
}

function step(name: string, of: Descriptor | undefined): CacheRecord {
  const made = of && { digest: of.digest, diffId: of.digest, size: of.size };
  return { namespace: "steps", key: name, recipe: "1", value: made ? { layer: made } : {} };
}

function outline(name: string, length = 1): CacheRecord {
  return { namespace: "outline", key: name, recipe: "1", value: "x".repeat(length) };
}

function cache(records: readonly CacheRecord[], layers: readonly Descriptor[] = []): StoredCache {
  return { document: { version: 1, records }, layers };
}

const keys = ({ document }: StoredCache): string[] => document.records.map(({ key }) => key);

test("what a build used comes first, and takes the place of what was known", () => {
  const [a, b] = [layer("a"), layer("b")];
  const before = cache([step("x", a), step("y", b), outline("o")], [a, b]);

  const merged = mergeCaches(cache([step("z", undefined), step("y", a)], [a]), before);

  expect(keys(merged)).toEqual(["z", "y", "x", "o"]);
  // b was only there for the older y.
  expect(merged.layers).toEqual([a]);
});

test("a step is left out whose layer its cache does not have, or that is no step", () => {
  const [a, b] = [layer("a"), layer("b")];
  const broken = { namespace: "steps", key: "broken", recipe: "1", value: { layer: 1 } };

  const merged = mergeCaches(
    cache([step("x", a)], [a]),
    cache([step("y", b), broken, step("z", a)], [a]),
  );

  expect(keys(merged)).toEqual(["x", "z"]);
});

test("a base's manifest keeps those of its layers that are there, whoever put them there", () => {
  const [a, b, c] = [layer("a"), layer("b"), layer("c")];
  const written = { ...layer("config"), mediaType: mediaType.config };
  const manifest = { schemaVersion: 2, config: written, layers: [a, b] };
  const base = { namespace: "base-document", recipe: "1", value: JSON.stringify(manifest) };
  const config = { ...base, key: "config", value: "{}" };
  const before = cache([{ ...base, key: "base" }], [a, c]);

  const merged = mergeCaches(cache([{ ...base, key: "base" }, config]), before);

  expect(keys(merged)).toEqual(["base", "config"]);
  expect(merged.layers).toEqual([a]);
});

test("what no build has used for long falls out when there is no room, and only that", () => {
  const old = Array.from({ length: 40 }, (_, at) => outline(`old ${at}`, 100_000));
  const own = cache([outline("own", 3_000_000)]);

  expect(keys(mergeCaches(own, cache(old)))).toEqual(["own"]);
  expect(keys(mergeCaches(cache([]), cache(old)))).toEqual(old.slice(0, 20).map(({ key }) => key));
});

test("layers are bounded too", () => {
  const layers = Array.from({ length: 1500 }, (_, at) => layer(String(at)));
  const steps = layers.map((one, at) => step(String(at), one));

  expect(mergeCaches(cache([]), cache(steps, layers)).layers).toHaveLength(1000);
  // A build's own are all there.
  expect(mergeCaches(cache(steps, layers), undefined).layers).toHaveLength(1500);
});

test("the same build again gives the same cache", () => {
  const some = fc.uniqueArray(fc.nat({ max: 30 }), { maxLength: 12 }).map((numbers) => {
    const layers = numbers.map((number) => layer(String(number)));
    return cache(
      numbers.map((number, at) => step(String(number), layers[at])),
      layers,
    );
  });
  fc.assert(
    fc.property(some, some, (own, before) => {
      const once = mergeCaches(own, before);
      const twice = mergeCaches(own, once);
      expect(encodeCacheDocument(twice.document)).toEqual(encodeCacheDocument(once.document));
      expect(twice.layers).toEqual(once.layers);
      // Every layer that is spoken of is there.
      expect(new Set(twice.layers).size).toBe(twice.layers.length);
      expect(twice.layers).toHaveLength(twice.document.records.length);
    }),
  );
});
