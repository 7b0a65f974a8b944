import type { Digest } from "../../files/digest.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { encodeJson } from "../../oci/json.ts";
import { parseStepResult } from "../materialize/remembered-step.ts";
import { type CacheRecord, longestDocument } from "./cache-document.ts";
import type { StoredCache } from "./read-cache.ts";

/**
 * Above this many bytes of records, or so many layers, what earlier builds knew is left behind: every build that is given
 * the cache reads all of it. Some thirty bases and a few dozen images' layers.
 */
const mostBytes = 2 * 1024 * 1024;
const mostLayers = 1000;

/** Room for the document around its records. */
const framing = 1024;

/**
 * One cache of what a build knows and what was known before: a cache is shared by images, platforms and branches. What
 * this build used comes first, and so what no build has used for long falls out at the end. A step whose layer is not
 * among the layers of its cache is left out.
 */
export function mergeCaches(own: StoredCache, before: StoredCache | undefined): StoredCache {
  const records: CacheRecord[] = [];
  const layers = new Map<Digest, Descriptor>();
  const seen = new Set<string>();
  let bytes = framing;
  const add = (
    cache: StoredCache,
    most: { readonly bytes: number; readonly layers: number },
  ): void => {
    const there = new Map(cache.layers.map((layer) => [layer.digest, layer]));
    for (const record of cache.document.records) {
      const name = `${record.namespace} ${record.key}`;
      const needed = layersOf(record);
      if (seen.has(name) || !needed?.every((digest) => there.has(digest))) continue;
      const news = needed.filter((digest) => !layers.has(digest));
      const size = encodeJson(record).length + 1;
      if (bytes + size > most.bytes || layers.size + news.length > most.layers) continue;
      seen.add(name);
      bytes += size;
      records.push(record);
      for (const digest of news) layers.set(digest, there.get(digest) as Descriptor);
    }
  };
  add(own, { bytes: longestDocument, layers: Number.POSITIVE_INFINITY });
  if (before) add(before, { bytes: mostBytes, layers: mostLayers });
  return { document: { version: 1, records }, layers: [...layers.values()] };
}

/** The layers that a record speaks of; undefined for a step's record that is none. */
function layersOf({ namespace, value }: CacheRecord): readonly Digest[] | undefined {
  if (namespace !== "steps") return [];
  try {
    const { layer } = parseStepResult(value);
    return layer ? [layer.digest] : [];
  } catch {
    return undefined;
  }
}
