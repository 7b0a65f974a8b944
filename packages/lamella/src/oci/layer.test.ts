import { once } from "node:events";
import { crc32, deflateRawSync, gunzipSync } from "node:zlib";
import * as fc from "fast-check";
import tarStream from "tar-stream";
import { describe, expect, test } from "vitest";
import { sha256 } from "../files/digest.ts";
import {
  bytesFile,
  type DeflatedContent,
  type FileEntry,
  type RegularFile,
} from "../files/entry.ts";
import { decompressLayer } from "./decompress.ts";
import { ContentMismatchError, InvalidEntryError } from "./error.ts";
import { writeLayer } from "./layer.ts";
import type { LayerEntry } from "./layer-entry.ts";
import { mediaType } from "./media-type.ts";
import { readTar } from "./tar-reader.ts";

async function layerOf(entries: Iterable<LayerEntry> | AsyncIterable<LayerEntry>) {
  const chunks: Uint8Array[] = [];
  const written = await writeLayer(entries, {
    write: (chunk) => {
      chunks.push(Uint8Array.from(chunk));
    },
  });
  const bytes = Buffer.concat(chunks);
  return { ...written, bytes, tar: gunzipSync(bytes) };
}

/** Entries as tar-stream, another reader of tar, sees them. */
async function readBack(tar: Uint8Array) {
  const found: { header: tarStream.Header; content: Buffer }[] = [];
  const extract = tarStream.extract();
  extract.on("entry", (header, stream, next) => {
    const parts: Buffer[] = [];
    stream.on("data", (part) => parts.push(part as Buffer));
    stream.on("end", () => {
      found.push({ header, content: Buffer.concat(parts) });
      next();
    });
  });
  extract.end(tar);
  await once(extract, "finish");
  return found;
}

function inPieces(bytes: Uint8Array, piece: number): () => AsyncIterable<Uint8Array> {
  return async function* () {
    for (let offset = 0; offset < bytes.length; offset += piece) {
      yield bytes.subarray(offset, offset + piece);
    }
  };
}

function deflatedContent(bytes: Uint8Array, piece?: number): DeflatedContent {
  const deflated = bytes === large ? largeDeflated : deflateRawSync(bytes);
  return {
    encoding: "deflate",
    size: bytes.length,
    crc32: crc32(bytes),
    compressedSize: deflated.length,
    data: piece === undefined ? deflated : inPieces(deflated, piece),
  };
}

/** One stored block (RFC 1951 §3.2.4), made by hand, so that no deflater's choices are in the digest. */
function deflatedStored(bytes: Uint8Array): DeflatedContent {
  const header = Buffer.alloc(5);
  header[0] = 1;
  header.writeUInt16LE(bytes.length, 1);
  header.writeUInt16LE(bytes.length ^ 0xffff, 3);
  const data = Buffer.concat([header, bytes]);
  return {
    encoding: "deflate",
    size: bytes.length,
    crc32: crc32(bytes),
    compressedSize: data.length,
    data,
  };
}

const small = noise(5000);
/** More than is handled in one piece. */
const large = noise(4.5 * 1024 * 1024);
const largeDeflated = deflateRawSync(large, { level: 1 });

const file = (path: string, content: RegularFile["content"]): RegularFile => ({
  kind: "file",
  path,
  mode: 0o644,
  content,
});

/** Bytes that do not compress to nothing and are the same in every run. */
function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 1;
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = (state >>> 24) & 0x3f;
  }
  return bytes;
}

describe("what is written", () => {
  test("every kind of entry, with modes, owners and the fixed time", async () => {
    const { tar } = await layerOf([
      { kind: "directory", path: "home/flyte", mode: 0o700, uid: 1000, gid: 1001 },
      bytesFile("home/flyte/run", "#!/bin/sh\n", { mode: 0o4755, uid: 1000 }),
      { kind: "symlink", path: "home/flyte/link", target: "../../bin/sh" },
      { kind: "whiteout", path: "etc/old.conf" },
      file("opt/deflated", deflatedContent(Buffer.from("hello ".repeat(100)))),
    ]);
    const entries = await readBack(tar);
    expect(
      entries.map(({ header }) => [
        header.type,
        header.name,
        header.mode,
        header.uid,
        header.gid,
        header.size,
        header.linkname,
      ]),
    ).toEqual([
      ["directory", "home/flyte/", 0o700, 1000, 1001, 0, null],
      ["file", "home/flyte/run", 0o4755, 1000, 0, 10, null],
      ["symlink", "home/flyte/link", 0o777, 0, 0, 0, "../../bin/sh"],
      ["file", "etc/.wh.old.conf", 0o644, 0, 0, 0, null],
      ["file", "opt/deflated", 0o644, 0, 0, 600, null],
    ]);
    for (const { header } of entries) {
      expect(header.mtime?.toISOString()).toBe("1980-01-02T00:00:00.000Z");
      expect(header.uname).toBe("");
      expect(header.gname).toBe("");
    }
    expect(entries[4]?.content.toString()).toBe("hello ".repeat(100));
  });

  test("a deflated content is in the layer as it was, and not compressed again", async () => {
    // Level 1 gives other bytes than the level of the layer.
    const text = noise(50_000);
    const deflated = deflateRawSync(text, { level: 1 });
    const { bytes } = await layerOf([
      file("a", { ...deflatedContent(text), compressedSize: deflated.length, data: deflated }),
    ]);
    expect(bytes.includes(deflated)).toBe(true);
  });

  test("a layer of nothing is an empty tar", async () => {
    const { tar, tarSize } = await layerOf([]);
    expect(tarSize).toBe(1024);
    expect(tar.equals(Buffer.alloc(1024))).toBe(true);
  });

  test("a directory that is named again alike is written once", async () => {
    const parent: FileEntry = { kind: "directory", path: "opt", mode: 0o755 };
    const { tar } = await layerOf([parent, bytesFile("opt/a", ""), { ...parent, uid: 0 }]);
    expect(await readBack(tar)).toHaveLength(2);
  });

  test("what does not fit ustar gets an extended header", async () => {
    const names = [
      "häßlich/名前.py",
      `${"d".repeat(120)}/${"f".repeat(90)}`,
      `${"d".repeat(200)}/${"f".repeat(200)}`,
      "a\nb",
    ];
    const { tar } = await layerOf([
      ...names.map((path) => bytesFile(path, path)),
      { kind: "symlink", path: "link", target: "t".repeat(300) },
      { kind: "directory", path: "owned", mode: 0o755, uid: 4_000_000_000 },
    ]);
    const entries = await readBack(tar);
    expect(entries.slice(0, 4).map(({ header }) => header.name)).toEqual(names);
    expect(entries.slice(0, 4).map(({ header }) => header.pax !== null)).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(entries[4]?.header.linkname).toBe("t".repeat(300));
    expect(entries[5]?.header.pax).toMatchObject({ uid: "4000000000" });
  });

  test("any files come back, and the bytes do not depend on how contents are cut", async () => {
    const segment = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
      .filter(
        (text) => !/[/\0]/.test(text) && text !== "." && text !== ".." && !text.startsWith(".wh."),
      );
    const path = fc.array(segment, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));
    const files = fc.uniqueArray(
      fc.record({ path, bytes: fc.uint8Array({ maxLength: 5000 }), deflated: fc.boolean() }),
      { selector: (entry) => entry.path.split("/")[0], maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 3000 }), async (wanted, piece) => {
        const entries = (cut?: number) =>
          wanted.map(({ path: name, bytes, deflated }) =>
            file(
              name,
              deflated
                ? deflatedContent(bytes, cut)
                : {
                    encoding: "identity",
                    size: bytes.length,
                    data: cut === undefined ? bytes : inPieces(bytes, cut),
                  },
            ),
          );
        const layer = await layerOf(entries());
        expect(layer.diffId).toBe(sha256(layer.tar));
        expect(layer.tarSize).toBe(layer.tar.length);
        const cut = await layerOf(entries(piece));
        expect(cut.bytes.equals(layer.bytes)).toBe(true);
        const back = await readBack(layer.tar);
        expect(back.map(({ header, content }) => [header.name, content.toString("hex")])).toEqual(
          wanted.map(({ path: name, bytes }) => [name, Buffer.from(bytes).toString("hex")]),
        );
      }),
      { numRuns: 60 },
    );
  });

  test("large contents stream, to the same bytes in memory, in pieces, and through a slow sink", async () => {
    const content = large;
    const entries = (piece?: number): FileEntry[] => [
      file("deflated", deflatedContent(content, piece)),
      file("raw", {
        encoding: "identity",
        size: content.length,
        data: piece === undefined ? content : inPieces(content, piece),
      }),
    ];
    const layer = await layerOf(entries());
    expect(layer.diffId).toBe(sha256(layer.tar));
    expect((await readBack(layer.tar)).map((entry) => entry.content.equals(content))).toEqual([
      true,
      true,
    ]);
    expect((await layerOf(entries(99_991))).bytes.equals(layer.bytes)).toBe(true);

    const slowly: Uint8Array[] = [];
    await writeLayer(entries(), {
      write: async (chunk) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        slowly.push(Uint8Array.from(chunk));
      },
    });
    expect(Buffer.concat(slowly).equals(layer.bytes)).toBe(true);
  });
});

// These digests may change only with a decision: every layer in every registry changes its name with them.
describe("golden digests", () => {
  const lines = Buffer.from(
    Array.from({ length: 40_000 }, (_, line) => `line ${line * 7919}\n`).join(""),
  );

  test.each<[string, FileEntry[], string, string]>([
    [
      "empty",
      [],
      "sha256:8564620f1ca97e2d67cda7086a6271585fd2eef5a44e617537e7c36ee7da3ead",
      "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    ],
    [
      "small files of every kind",
      [
        { kind: "directory", path: "opt/venv", mode: 0o755 },
        bytesFile("opt/venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\n"),
        { kind: "symlink", path: "opt/venv/bin/python", target: "/usr/bin/python3" },
        bytesFile("opt/venv/ünïcode", "x", { uid: 1000, gid: 1000 }),
        { kind: "whiteout", path: "opt/venv/old" },
      ],
      "sha256:deb6230c59963c96a55c73d024aa139769c77153d33cfd4b5ee26eefb3a94af3",
      "sha256:6968c1b447ab389a2b974cc38009b31bef4fcc03a27c781b8445f19cc8714627",
    ],
    [
      "a content of noise over several members",
      [bytesFile("noise", noise(2_500_000))],
      "sha256:416b7ed280458c40687aa7e38c81e3500cd242854659b9b7260264d798e653d2",
      "sha256:e5af33b53977f8bd4b23b589a363eeb83d51280dc896fab31ac334ee3d927c68",
    ],
    [
      "a content of text",
      [bytesFile("lines", lines)],
      "sha256:5b41fc0c0a8edf4f378841e32b1615bf7e039402b44c658d932990fc71e7295e",
      "sha256:67d7ac6d074bc40f69e286ea61bd71ce6ca3b12a62a3783880a69b139925160e",
    ],
    [
      "a content that came deflated",
      [file("stored", deflatedStored(lines.subarray(0, 60_000)))],
      "sha256:c78740de822ac756b5ab812ef5391aa20bc37bc860674e883ee701c65fe884bc",
      "sha256:4b0695906c799a2b50200ba93e3a69fa33e65ed2dd2bbbecdb674cee71c1810d",
    ],
  ])("%s", async (_, entries, digest, diffId) => {
    const layer = await layerOf(entries);
    expect({ digest: sha256(layer.bytes), diffId: layer.diffId }).toEqual({ digest, diffId });
  });
});

describe("what is refused", () => {
  test.each([
    "",
    "/etc/passwd",
    "../etc/passwd",
    "a/../../b",
    "a/./b",
    "a//b",
    "a/",
    "a\0b",
    "\ud800",
    ".wh.a",
    "d/.wh..wh..opq",
    "n".repeat(256),
    "dir/".repeat(1100) + "file",
  ])("the path %j", async (path) => {
    await expect(layerOf([bytesFile(path, "x")])).rejects.toThrow(InvalidEntryError);
  });

  test.each<[string, FileEntry[]]>([
    ["a path twice", [bytesFile("a", "1"), bytesFile("a", "1")]],
    [
      "a directory with two modes",
      [
        { kind: "directory", path: "a", mode: 0o755 },
        { kind: "directory", path: "a", mode: 0o700 },
      ],
    ],
    ["a name and its whiteout", [bytesFile("d/a", "1"), { kind: "whiteout", path: "d/a" }]],
    ["a whiteout above a file", [{ kind: "whiteout", path: "d" }, bytesFile("d/e/a", "1")]],
    [
      "a whiteout above a file, told later",
      [bytesFile("d/e/a", "1"), { kind: "whiteout", path: "d" }],
    ],
    [
      "a file below a link",
      [{ kind: "symlink", path: "bin", target: "usr/bin" }, bytesFile("bin/sh", "")],
    ],
    ["a mode that is none", [bytesFile("a", "", { mode: 0o100644 })]],
    ["an owner that is none", [bytesFile("a", "", { uid: -1 })]],
    ["an owner that means nobody in particular", [bytesFile("a", "", { gid: 0xffff_ffff })]],
    ["a link to nowhere", [{ kind: "symlink", path: "a", target: "" }]],
    [
      "a size that is none",
      [file("a", { encoding: "identity", size: 1.5, data: new Uint8Array(1) })],
    ],
  ])("%s", async (_, entries) => {
    await expect(layerOf(entries)).rejects.toThrow(InvalidEntryError);
  });

  describe.each<[string, Buffer, number | undefined]>([
    ["in memory", small, undefined],
    ["in pieces", small, 100],
    ["large and in memory", large, undefined],
    ["large and in pieces", large, 100_000],
  ])("deflated content %s", (_, bytes, piece) => {
    const honest = deflatedContent(bytes, piece);
    const deflated = bytes === large ? largeDeflated : deflateRawSync(bytes);
    const as = (lie: Uint8Array) => (piece === undefined ? lie : inPieces(lie, piece));
    const damaged = Buffer.from(deflated);
    damaged.fill(0xff, 2000, 2100);

    test.each<[string, Partial<DeflatedContent>]>([
      ["that is longer than announced", { size: honest.size - 1 }],
      ["that is shorter than announced", { size: honest.size + 1 }],
      ["that is nothing as announced", { size: 0 }],
      ["with another CRC-32", { crc32: (honest.crc32 ^ 1) >>> 0 }],
      ["with less data than announced", { compressedSize: honest.compressedSize + 1 }],
      ["with more data than announced", { compressedSize: honest.compressedSize - 1 }],
      [
        "that is cut",
        { data: as(deflated.subarray(0, -1)), compressedSize: honest.compressedSize - 1 },
      ],
      [
        "with something behind the stream",
        {
          data: as(Buffer.concat([deflated, Buffer.alloc(300_000)])),
          compressedSize: honest.compressedSize + 300_000,
        },
      ],
      ["that does not inflate", { data: as(damaged) }],
    ])("%s", async (_lie, lie) => {
      const failure = await layerOf([file("some/file", { ...honest, ...lie })]).catch(
        (e: unknown) => e,
      );
      expect(failure).toBeInstanceOf(ContentMismatchError);
      expect(String(failure)).toContain('"some/file"');
    });
  });

  test.each([4, 6])("a raw content of 5 bytes that announces %i", async (size) => {
    const stream = inPieces(Buffer.from("12345"), 2);
    for (const data of [Buffer.from("12345"), stream]) {
      await expect(layerOf([file("a", { encoding: "identity", size, data })])).rejects.toThrow(
        ContentMismatchError,
      );
    }
  });

  test("a stream without end, at its announced length", async () => {
    let given = 0;
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) {
        given += 65_536;
        yield Buffer.alloc(65_536);
      }
    };
    await expect(
      layerOf([file("a", { encoding: "identity", size: 1_000_000, data: endless })]),
    ).rejects.toThrow(ContentMismatchError);
    expect(given).toBeLessThan(1_200_000);
  });
});

async function* broken(): AsyncGenerator<Uint8Array> {
  yield largeDeflated.subarray(0, 1000);
  throw new Error("disk on fire");
}

describe("failures around it", () => {
  const content = large;

  test("the error of a source comes through as it is", async () => {
    for (const bytes of [content, content.subarray(0, 5000)]) {
      const entry = file("a", { ...deflatedContent(bytes), data: broken });
      await expect(layerOf([entry])).rejects.toThrow("disk on fire");
    }
  });

  test("the error of a sink comes through as it is, also when it comes late", async () => {
    for (const entry of [file("a", deflatedContent(content)), bytesFile("a", content)]) {
      const sink = {
        write: async () => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          throw new Error("no space");
        },
      };
      await expect(writeLayer([entry], sink)).rejects.toThrow("no space");
    }
  });

  test("an abort ends it at an entry, in a large content, and before it begins", async () => {
    const reason = new Error("stopped");
    for (const encoding of ["identity", "deflate"] as const) {
      const abort = new AbortController();
      const pieces = async function* (): AsyncGenerator<Uint8Array> {
        yield largeDeflated.subarray(0, 1000);
        abort.abort(reason);
        yield largeDeflated.subarray(1000);
      };
      const entry = file("a", {
        ...deflatedContent(content),
        encoding,
        data: pieces,
      });
      const failure = await writeLayer(
        [entry],
        { write: () => {} },
        { signal: abort.signal },
      ).catch((e: unknown) => e);
      expect(failure).toBe(reason);
      await expect(writeLayer([], { write: () => {} }, { signal: abort.signal })).rejects.toBe(
        reason,
      );
    }
  });

  test("the sink is at rest when an error is thrown", async () => {
    let busy = 0;
    const sink = {
      write: async () => {
        busy++;
        await new Promise((resolve) => setTimeout(resolve, 20));
        busy--;
      },
    };
    const bad = { ...deflatedContent(content), crc32: 0 };
    await expect(writeLayer([bytesFile("b", content), file("a", bad)], sink)).rejects.toThrow(
      ContentMismatchError,
    );
    expect(busy).toBe(0);
  });
});

describe("what only commands leave", () => {
  const xattrs = new Map([["security.capability", Uint8Array.of(1, 0, 0, 2, 0, 255, 10, 61)]]);
  const special: LayerEntry[] = [
    { kind: "directory", path: "d", mode: 0o755, uid: 3_000_000_000 },
    { kind: "opaque", path: "d" },
    { ...bytesFile("d/file", "x", { mode: 0o4755 }), xattrs },
    { kind: "hardlink", path: "d/again", target: "d/file", mode: 0o4755, xattrs },
    { kind: "character", path: "d/null", mode: 0o666, device: { major: 1, minor: 3 } },
    { kind: "block", path: "d/loop", mode: 0o660, gid: 6, device: { major: 7, minor: 300 } },
    { kind: "fifo", path: "d/pipe", mode: 0o600 },
  ];

  test("is read back", async () => {
    const { bytes } = await layerOf(special);
    const layer = (async function* () {
      yield bytes;
    })();
    const found: unknown[] = [];
    for await (const entry of readTar(decompressLayer(layer, mediaType.layerGzip))) {
      const { kind, path, mode, uid, gid } = entry;
      const more = "target" in entry ? entry.target : "device" in entry ? entry.device : undefined;
      found.push([
        kind,
        path,
        mode,
        uid,
        gid,
        more,
        ...Array.from(entry.xattrs.values(), (value) => Buffer.from(value).toString("hex")),
      ]);
    }
    const capability = "0100000200ff0a3d";
    expect(found).toEqual([
      ["directory", "d", 0o755, 3_000_000_000, 0, undefined],
      ["opaque", "d", 0o644, 0, 0, undefined],
      ["file", "d/file", 0o4755, 0, 0, undefined, capability],
      ["hardlink", "d/again", 0o4755, 0, 0, "d/file", capability],
      ["character", "d/null", 0o666, 0, 0, { major: 1, minor: 3 }],
      ["block", "d/loop", 0o660, 0, 6, { major: 7, minor: 300 }],
      ["fifo", "d/pipe", 0o600, 0, 0, undefined],
    ]);
  });

  test.each<[string, LayerEntry[]]>([
    ["a hard link to what is not there", [{ kind: "hardlink", path: "a", target: "b", mode: 0 }]],
    [
      "a hard link to a directory",
      [
        { kind: "directory", path: "b", mode: 0 },
        { kind: "hardlink", path: "a", target: "b", mode: 0 },
      ],
    ],
    ["a directory that is emptied before it is there", [{ kind: "opaque", path: "a" }]],
    [
      "a device number that no tar can say",
      [{ kind: "block", path: "a", mode: 0, device: { major: 0, minor: 2 ** 21 } }],
    ],
  ])("refuses %s", async (_, entries) => {
    await expect(writeLayer(entries, { write: () => {} })).rejects.toMatchObject({
      code: "layer-entry-invalid",
    });
  });
});
