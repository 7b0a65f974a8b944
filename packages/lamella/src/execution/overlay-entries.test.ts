import { expect, test } from "vitest";
import { readTar, type TarEntry } from "../oci/tar-reader.ts";
import { LayerUnpackError } from "./error.ts";
import { OverlayEntries, type SnapshotRecord } from "./overlay-entries.ts";
import { type TestEntry, tarOf } from "./testdata/tar-of.ts";

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What GNU tar gets to see for a layer. */
async function converted(
  entries: readonly TestEntry[],
): Promise<{ written: TarEntry[]; record: SnapshotRecord }> {
  const overlay = new OverlayEntries();
  const blocks: Uint8Array[] = [];
  for await (const entry of readTar(once(tarOf(entries)))) blocks.push(...overlay.headers(entry));
  const end = overlay.end();
  const tar = Buffer.concat([...blocks, ...end.blocks]);
  return { written: await Array.fromAsync(readTar(once(tar))), record: end.record };
}

const deviceZero = { kind: "character", device: { major: 0, minor: 0 } };
const opaqueAttribute = ["trusted.overlay.opaque", expect.objectContaining({ length: 1 })];

test("a whiteout becomes a device 0/0, after its parents", async () => {
  const { written, record } = await converted([{ path: "etc/.wh.motd" }]);
  expect(written).toMatchObject([
    { path: "etc", kind: "directory", mode: 0o755 },
    { path: "etc/motd", ...deviceZero },
  ]);
  expect(record).toEqual({ implied: ["", "etc"], opaque: [], attributed: [] });
});

test("a whiteout beside what it names is about the layers below", async () => {
  const { written, record } = await converted([
    { path: "d", kind: "directory", mode: 0o700 },
    { path: ".wh.d" },
    { path: ".wh.f" },
    { path: "f" },
  ]);
  expect(written.map(({ path, kind }) => [path, kind])).toEqual([
    ["d", "directory"],
    ["f", "file"],
    ["d", "directory"],
  ]);
  expect(written.at(-1)).toMatchObject({ mode: 0o700 });
  expect([...(written.at(-1)?.xattrs ?? [])]).toEqual([opaqueAttribute]);
  expect(record.opaque).toEqual(["d"]);
});

test.each(["before", "after"])("an opaque marker %s its directory's entry", async (place) => {
  const directory = { path: "d", kind: "directory", mode: 0o711, uid: 7 } as const;
  const marker = { path: "d/.wh..wh..opq" };
  const { written, record } = await converted(
    place === "before" ? [marker, directory] : [directory, marker],
  );
  expect(written.at(-1)).toMatchObject({ path: "d", mode: 0o711, uid: 7 });
  expect([...(written.at(-1)?.xattrs ?? [])]).toEqual([opaqueAttribute]);
  expect(record).toEqual({ implied: [""], opaque: ["d"], attributed: [] });
});

test("of attributes only those stay that are the layer's to set", async () => {
  const value = Buffer.from([1, 0, 0xff]);
  const { written } = await converted([
    {
      path: "f",
      xattrs: new Map([
        ["security.capability", value],
        ["security.selinux", value],
        ["trusted.overlay.redirect", value],
        ["user.overlay.opaque", value],
        ["user.note", value],
      ]),
    },
  ]);
  expect([...(written[0]?.xattrs.keys() ?? [])].sort()).toEqual([
    "security.capability",
    "user.note",
  ]);
});

test("what is written through a link of the layer stands where the link leads", async () => {
  const { written } = await converted([
    { path: "lib", kind: "symlink", target: "/../usr/lib" },
    { path: "lib/a" },
    { path: "b", kind: "hardlink", target: "lib/a" },
  ]);
  expect(written).toMatchObject([
    { path: "lib", kind: "symlink" },
    { path: "usr" },
    { path: "usr/lib" },
    { path: "usr/lib/a", kind: "file" },
    { path: "b", kind: "hardlink", target: "usr/lib/a" },
  ]);
});

test.each([
  ["a file that is not there", "nowhere"],
  ["a directory", "d"],
])("a hard link to %s is refused", async (_, target) => {
  const entries: TestEntry[] = [
    { path: "d", kind: "directory" },
    { path: "l", kind: "hardlink", target },
  ];
  await expect(converted(entries)).rejects.toThrow(LayerUnpackError);
});
