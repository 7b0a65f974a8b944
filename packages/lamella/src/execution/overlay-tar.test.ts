import * as fc from "fast-check";
import { expect, test } from "vitest";
import { paddingOf } from "../oci/tar-header.ts";
import { readTar } from "../oci/tar-reader.ts";
import { encodeExtractionHeader } from "./overlay-tar.ts";

async function* bytes(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield Buffer.concat(parts);
}

const name = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 60 })
  .filter((text) => !/[/\0]|^\.{1,2}$|^\.wh\./.test(text) && text.isWellFormed());
const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join("/"));
const owner = fc.oneof(fc.nat(0o7777777), fc.integer({ min: 0o10000000, max: 0xffff_fffe }));
const common = {
  path,
  mode: fc.nat(0o7777),
  uid: owner,
  gid: owner,
  mtime: fc.oneof(
    fc.nat(),
    fc.integer({ min: -1e9, max: 1e10 }),
    fc.nat().map((n) => n + 0.5),
  ),
  xattrs: fc
    .uniqueArray(
      fc.tuple(fc.constantFrom("user.a", "user.b.c", "security.capability"), fc.uint8Array()),
      {
        selector: ([attribute]) => attribute,
      },
    )
    .map((attributes) => new Map(attributes)),
};

test("what is encoded is read back", async () => {
  const header = fc.oneof(
    fc.record({ ...common, kind: fc.constantFrom("directory" as const, "fifo" as const) }),
    fc.record({ ...common, kind: fc.constant("symlink" as const), target: path }),
    fc.record({ ...common, kind: fc.constant("hardlink" as const), target: path }),
    fc.record({
      ...common,
      kind: fc.constantFrom("character" as const, "block" as const),
      device: fc.record({ major: fc.nat(4095), minor: fc.nat(0o7777777) }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(header, async (entry) => {
      const tar = bytes(encodeExtractionHeader(entry), Buffer.alloc(1024));
      expect(await Array.fromAsync(readTar(tar))).toEqual([
        {
          ...entry,
          xattrs: new Map([...entry.xattrs].map(([key, value]) => [key, toEqualBytes(value)])),
        },
      ]);
    }),
    { numRuns: 300 },
  );
});

function toEqualBytes(value: Uint8Array): unknown {
  return expect.toSatisfy((actual: Uint8Array) => Buffer.from(actual).equals(value));
}

test("a file's content follows its header", async () => {
  const content = Buffer.from("text");
  const header = { path: "a/b", kind: "file", mode: 0o644, uid: 0, gid: 0, mtime: 1 } as const;
  const tar = bytes(
    encodeExtractionHeader({ ...header, size: content.length }),
    content,
    Buffer.alloc(paddingOf(content.length) + 1024),
  );
  for await (const entry of readTar(tar)) {
    expect(entry).toMatchObject({ path: "a/b", kind: "file", size: 4 });
    expect(entry.kind === "file" && Buffer.concat(await Array.fromAsync(entry.content))).toEqual(
      content,
    );
  }
});

test("a size beyond what ustar can say is said in PAX", async () => {
  const header = { path: "a", kind: "file", mode: 0o644, uid: 0, gid: 0, mtime: 1 } as const;
  const blocks = encodeExtractionHeader({ ...header, size: 10 * 2 ** 30 });
  const entries = readTar(bytes(blocks));
  expect((await entries.next()).value).toMatchObject({ size: 10 * 2 ** 30 });
});
