import { gunzipSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidDocumentError } from "../../oci/error.ts";
import {
  type CacheDocument,
  decodeCacheDocument,
  encodeCacheDocument,
  longestDocument,
} from "./cache-document.ts";

// Values of ours hold no nulls, which count as absent; and JSON knows no -0.
const value = fc
  .jsonValue({ maxDepth: 4 })
  .map((json): unknown => JSON.parse(JSON.stringify(json).replaceAll("null", "0")));

const record = fc.record({
  namespace: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,10}$/),
  key: fc.string({ minLength: 1, maxLength: 80 }),
  recipe: fc.string({ minLength: 1, maxLength: 8 }),
  value,
});

const document: fc.Arbitrary<CacheDocument> = fc
  .array(record, { maxLength: 20 })
  .map((records) => ({ version: 1, records }));

function packed(json: unknown): Uint8Array {
  return gzipSync(JSON.stringify(json));
}

describe("a cache's document", () => {
  test("is read as it was written, and written the same each time", () => {
    fc.assert(
      fc.property(document, (written) => {
        const bytes = encodeCacheDocument(written);
        const read = decodeCacheDocument(bytes);
        expect(read).toEqual(written);
        expect(encodeCacheDocument(read)).toEqual(bytes);
      }),
    );
  });

  test("that was damaged is refused, or says what it said", () => {
    fc.assert(
      fc.property(
        document,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (written, place, change) => {
          const bytes = encodeCacheDocument(written);
          const at = place % bytes.length;
          bytes[at] = (bytes[at] ?? 0) ^ change;
          // Header fields of gzip that mean nothing (RFC 1952: time, system) may change without anything being lost.
          let read: CacheDocument | undefined;
          try {
            read = decodeCacheDocument(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidDocumentError);
          }
          if (read) expect(read).toEqual(written);
        },
      ),
    );
  });

  test("is told from any other bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(() => decodeCacheDocument(bytes)).toThrow(InvalidDocumentError);
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(() => decodeCacheDocument(packed(json))).toThrow(InvalidDocumentError);
      }),
    );
  });

  test.each([
    ["of another version", { version: 2, records: [] }],
    ["without records", { version: 1 }],
    ["with a record that has no value", { version: 1, records: [{ ...named(), recipe: "1" }] }],
    [
      "with a null for a value",
      { version: 1, records: [{ ...named(), recipe: "1", value: null }] },
    ],
    ["with a record of no known recipe", { version: 1, records: [{ ...named(), value: 1 }] }],
    [
      "with a namespace that is a path",
      { version: 1, records: [{ ...named(), namespace: "../images", recipe: "1", value: 1 }] },
    ],
    [
      "with a key that is no text",
      { version: 1, records: [{ ...named(), key: {}, recipe: "1", value: 1 }] },
    ],
  ])("%s is refused", (_, json) => {
    expect(() => decodeCacheDocument(packed(json))).toThrow(InvalidDocumentError);
  });

  test("that is a bomb is refused before it is whole in memory", () => {
    const bomb = gzipSync(Buffer.alloc(longestDocument * 4, 0x20));
    expect(bomb.length).toBeLessThan(100_000);
    expect(() => decodeCacheDocument(bomb)).toThrow(/bytes/);
  });

  test("that is nested without end is refused", () => {
    const deep = `{"version":1,"records":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    expect(() => decodeCacheDocument(gzipSync(deep))).toThrow(InvalidDocumentError);
  });

  test("holds names that objects have of themselves", () => {
    const records = [{ namespace: "steps", key: "__proto__", recipe: "1", value: { toString: 1 } }];
    const bytes = encodeCacheDocument({ version: 1, records });
    expect(decodeCacheDocument(bytes).records).toEqual(records);
    expect(gunzipSync(bytes).toString()).toContain("__proto__");
  });
});

function named(): { readonly namespace: string; readonly key: string } {
  return { namespace: "steps", key: "sha256:0" };
}
