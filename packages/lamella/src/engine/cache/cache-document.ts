import { gunzipSync, gzipSync } from "node:zlib";
import * as z from "zod/mini";
import { decodeJson, encodeJson, invalidDocument } from "../../oci/json.ts";

/**
 * Something that was found out once, as a memo of the store has it. The key is the digest of all that it was made from
 * and of the recipe's version, so whoever comes to another key does the work.
 */
export interface CacheRecord {
  readonly namespace: string;
  readonly key: string;
  /** Version of what wrote the value down: another one's value is not looked at. */
  readonly recipe: string;
  /** JSON, with no nulls. */
  readonly value: unknown;
}

/** What a cache remembers. The records that were used last come first. */
export interface CacheDocument {
  readonly version: 1;
  readonly records: readonly CacheRecord[];
}

/** Media type of the document, which is the config of the cache's manifest. */
export const cacheDocumentType = "application/vnd.lamella.cache.v1.json+gzip";

/** A document of more bytes, uncompressed, is neither written nor read. An outline has some 100 kB. */
export const longestDocument: number = 8 * 1024 * 1024;

/** Fast, since it is written after every build; the names that outlines are full of shrink to a fifth at any level. */
const compressionLevel = 4;

const recordSchema = z.object({
  namespace: z.string().check(z.regex(/^[a-z0-9][a-z0-9-]{0,63}$/)),
  key: z.string().check(z.minLength(1), z.maxLength(512)),
  recipe: z.string().check(z.minLength(1), z.maxLength(64)),
  value: z.unknown().check(z.refine((value) => value !== undefined)),
});

const documentSchema: z.ZodMiniType<CacheDocument> = z.object({
  version: z.literal(1),
  records: z.array(recordSchema),
});

/** The document's bytes: the same document gives the same bytes. Whoever puts it together keeps it short enough. */
export function encodeCacheDocument(document: CacheDocument): Uint8Array {
  return gzipSync(encodeJson(document), { level: compressionLevel });
}

/** Takes a document from outside. Raises InvalidDocumentError, also for one that is longer than we write any. */
export function decodeCacheDocument(bytes: Uint8Array): CacheDocument {
  return decodeJson(inflate(bytes), what, documentSchema);
}

const what = "cache's document";

function inflate(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: longestDocument });
  } catch (error) {
    throw invalidDocument(what, `it is not gzip of up to ${longestDocument} bytes`, error);
  }
}
