import type { Digest } from "../../files/digest.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { encodeJson } from "../../oci/json.ts";
import { isIndex, parseManifest } from "../../oci/manifest.ts";
import { builtWheels, parseBuiltRecord } from "../execute/built-record.ts";
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
 * this build used comes first, and so what no build has used for long falls out at the end. A step or a wheel whose blob is
 * not among the layers is left out; of a base's layers those stay that are.
 */
export function mergeCaches(own: StoredCache, before: StoredCache | undefined): StoredCache {
  const records: CacheRecord[] = [];
  const layers = new Map<Digest, Descriptor>();
  const seen = new Set<string>();
  let bytes = framing;
  // What a build takes from an earlier one's base is there, and need not be put there by it.
  const there = new Map(
    [...(before?.layers ?? []), ...own.layers].map((layer) => [layer.digest, layer]),
  );
  const add = (
    { document }: StoredCache,
    most: { readonly bytes: number; readonly layers: number },
  ): void => {
    for (const record of document.records) {
      const name = `${record.namespace} ${record.key}`;
      const needed = seen.has(name) ? undefined : layersOf(record, there);
      if (!needed) continue;
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

/** The layers that a record needs; undefined for a step's or a wheel's that lacks its blob, or is none. */
function layersOf(
  { namespace, value }: CacheRecord,
  there: ReadonlyMap<Digest, Descriptor>,
): readonly Digest[] | undefined {
  switch (namespace) {
    case "steps":
    case builtWheels: {
      const layers = namespace === "steps" ? layersOfStep(value) : blobOfWheel(value);
      return layers?.every((digest) => there.has(digest)) ? layers : undefined;
    }
    case "base-document":
      return layersOfBase(value).filter((digest) => there.has(digest));
    default:
      return [];
  }
}

function blobOfWheel(value: unknown): readonly Digest[] | undefined {
  try {
    return [`sha256:${parseBuiltRecord(value).sha256}`];
  } catch {
    return undefined;
  }
}

function layersOfStep(value: unknown): readonly Digest[] | undefined {
  try {
    const { layer } = parseStepResult(value);
    return layer ? [layer.digest] : [];
  } catch {
    return undefined;
  }
}

/** The layers that a document of a base names, if it is a manifest. */
function layersOfBase(value: unknown): readonly Digest[] {
  try {
    const document = parseManifest(Buffer.from(String(value)));
    return isIndex(document) ? [] : document.layers.map(({ digest }) => digest);
  } catch {
    return [];
  }
}
