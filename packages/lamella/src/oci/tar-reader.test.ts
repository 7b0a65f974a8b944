import * as fc from "fast-check";
import tarStream from "tar-stream";
import { describe, expect, test } from "vitest";
import { bytesFile, type FileEntry } from "../files/entry.ts";
import { decompressLayer } from "./decompress.ts";
import { InvalidTarError } from "./error.ts";
import { writeLayer } from "./layer.ts";
import { mediaType } from "./media-type.ts";
import { encodeTarHeader } from "./tar-header.ts";
import { readTar, readTarHeaders, type TarEntry } from "./tar-reader.ts";

async function* pieces(bytes: Uint8Array, piece = 65_536): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += piece) {
    yield bytes.subarray(offset, offset + piece);
  }
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream));
}

async function read(tar: Uint8Array, piece?: number): Promise<(TarEntry & { text?: string })[]> {
  const entries: (TarEntry & { text?: string })[] = [];
  for await (const entry of readTar(pieces(tar, piece))) {
    entries.push(
      entry.kind === "file" ? { ...entry, text: (await collect(entry.content)).toString() } : entry,
    );
  }
  return entries;
}

/** A header block as another tar program would write it, any field of it as wanted. */
function block(fields: Record<number, string | Uint8Array>, size = 0): Buffer {
  const header = Buffer.from(
    encodeTarHeader({ path: "x", kind: "file", mode: 0o644, uid: 0, gid: 0, size }),
  );
  for (const [offset, value] of Object.entries(fields)) {
    header.set(Buffer.from(value), Number(offset));
  }
  header.write("        ", 148);
  header.write(
    `${header
      .reduce((a, b) => a + b, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return header;
}

const end = Buffer.alloc(1024);
const typeFlag = 156;

function body(text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

function record(key: string, value: string | Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function pax(...records: Uint8Array[]): Buffer {
  const bytes = Buffer.concat(records);
  return Buffer.concat([block({ [typeFlag]: "x" }, bytes.length), body(bytes)]);
}

const named = (name: string): Buffer =>
  Buffer.concat([
    block({ 0: Buffer.concat([Buffer.from(name), Buffer.alloc(100 - name.length)]) }),
    end,
  ]);

describe("what is read", () => {
  test("our own layers, entry for entry", async () => {
    const entries: FileEntry[] = [
      { kind: "directory", path: "opt", mode: 0o1777, uid: 7, gid: 8 },
      bytesFile("opt/file", "content", { mode: 0o4711, uid: 3_000_000_000 }),
      bytesFile(`opt/ü/${"long/".repeat(60)}x`, "y"),
      { kind: "symlink", path: "opt/link", target: `/${"t".repeat(150)}` },
      { kind: "whiteout", path: "etc/gone" },
      { kind: "whiteout", path: "gone" },
    ];
    const chunks: Uint8Array[] = [];
    await writeLayer(entries, { write: (chunk) => void chunks.push(Uint8Array.from(chunk)) });
    const tar = await collect(decompressLayer(pieces(Buffer.concat(chunks)), mediaType.layerGzip));
    const base = { uid: 0, gid: 0, mtime: 315_619_200, xattrs: new Map() };
    for (const piece of [1, 511, 512, 65_536]) {
      expect(await read(tar, piece)).toMatchObject([
        { ...base, kind: "directory", path: "opt", mode: 0o1777, uid: 7, gid: 8 },
        {
          ...base,
          kind: "file",
          path: "opt/file",
          mode: 0o4711,
          uid: 3_000_000_000,
          size: 7,
          text: "content",
        },
        { ...base, kind: "file", path: `opt/ü/${"long/".repeat(60)}x`, mode: 0o644, text: "y" },
        { ...base, kind: "symlink", path: "opt/link", mode: 0o777, target: `/${"t".repeat(150)}` },
        { ...base, kind: "whiteout", path: "etc/gone" },
        { ...base, kind: "whiteout", path: "gone" },
      ]);
    }
  });

  test("whatever tar-stream packs", async () => {
    const name = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 120 })
      .filter(
        (text) => !/[/\0]/.test(text) && text !== "." && text !== ".." && !text.startsWith(".wh."),
      );
    const header = fc.record({
      name,
      mode: fc.integer({ min: 1, max: 0o7777 }),
      uid: fc.integer({ min: 0, max: 0o777777 }),
      type: fc.constantFrom(
        "file" as const,
        "directory" as const,
        "symlink" as const,
        "link" as const,
      ),
      content: fc.string({ maxLength: 2000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(header, { maxLength: 10 }), async (headers) => {
        const pack = tarStream.pack();
        for (const { content, type, ...rest } of headers) {
          const linked = type === "symlink" || type === "link" ? { linkname: "to/here" } : {};
          pack.entry({ ...rest, type, ...linked }, type === "file" ? content : "");
        }
        pack.finalize();
        const entries = await read(
          await collect(pack as unknown as AsyncIterable<Uint8Array>),
          700,
        );
        expect(
          entries.map((entry) => [entry.path, entry.kind, entry.mode, entry.uid, entry.text]),
        ).toEqual(
          headers.map(({ name: path, type, mode, uid, content }) => [
            path,
            type === "link" ? "hardlink" : type,
            mode,
            uid,
            type === "file" ? content : undefined,
          ]),
        );
      }),
      { numRuns: 60 },
    );
  });

  test("links, devices, times and attributes that are not text", async () => {
    // Capability bytes of newuidmap (cap_setuid is bit 7), which are no UTF-8.
    const capability = Uint8Array.of(1, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const tar = Buffer.concat([
      pax(record("SCHILY.xattr.security.capability", capability), record("mtime", "1700000000.25")),
      block({ 0: "./usr/bin/newuidmap" }),
      block({ 0: "/usr/bin/other", [typeFlag]: "1", 157: "./usr//bin/newuidmap" }, 99),
      block({ 0: "dev/null", [typeFlag]: "3", 329: "0000001", 337: "0000003" }),
      block({ 0: "dev/sda", [typeFlag]: "4", 329: "0000010" }),
      block({ 0: "run/fifo", [typeFlag]: "6" }),
      block({ 0: "./", [typeFlag]: "5" }),
      block({ 0: "old/directory/", [typeFlag]: "\0" }),
      end,
    ]);
    expect(await read(tar)).toMatchObject([
      {
        kind: "file",
        path: "usr/bin/newuidmap",
        mtime: 1_700_000_000.25,
        xattrs: new Map([["security.capability", capability]]),
      },
      { kind: "hardlink", path: "usr/bin/other", target: "usr/bin/newuidmap", xattrs: new Map() },
      { kind: "character", path: "dev/null", device: { major: 1, minor: 3 } },
      { kind: "block", path: "dev/sda", device: { major: 8, minor: 0 } },
      { kind: "fifo", path: "run/fifo" },
      { kind: "directory", path: "" },
      { kind: "directory", path: "old/directory" },
    ]);
  });

  test("whiteouts, and what AUFS left behind", async () => {
    const names = [
      "etc/.wh.conf",
      ".wh.top",
      "var/.wh..wh..opq",
      ".wh..wh..opq",
      "a/.wh..wh.plnk/1",
      ".wh..wh.aufs",
    ];
    const tar = Buffer.concat([...names.map((name) => block({ 0: name })), end]);
    expect((await read(tar)).map(({ kind, path }) => [kind, path])).toEqual([
      ["whiteout", "etc/conf"],
      ["whiteout", "top"],
      ["opaque", "var"],
      ["opaque", ""],
    ]);
  });

  test("GNU's long names and large numbers, global headers passed over", async () => {
    const long = "n/".repeat(300);
    const tar = Buffer.concat([
      block({ 0: "pax_global_header", [typeFlag]: "g" }, 11),
      body(record("path", "no")),
      block({ 0: "././@LongLink", [typeFlag]: "K" }, 301),
      body(`${"t".repeat(300)}\0`),
      block({ 0: "././@LongLink", [typeFlag]: "L" }, long.length + 1),
      body(`${long}\0`),
      // GNU's magic; where ustar has the prefix, GNU has times.
      block({
        [typeFlag]: "2",
        108: Uint8Array.of(0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe),
        136: Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
        257: "ustar  \0",
        345: "12345670123",
      }),
      end,
    ]);
    expect(await read(tar)).toMatchObject([
      {
        kind: "symlink",
        path: "n/".repeat(300).slice(0, -1),
        target: "t".repeat(300),
        uid: 0xffff_fffe,
        mtime: -1,
      },
    ]);
  });

  test("contents may be left unread, and cannot be read late", async () => {
    const tar = Buffer.concat([
      block({ 0: "a" }, 700),
      body("a".repeat(700)),
      block({ 0: "b" }, 3),
      body("bbb"),
      end,
    ]);
    const paths: string[] = [];
    for await (const entry of readTarHeaders(pieces(tar, 100))) paths.push(entry.path);
    expect(paths).toEqual(["a", "b"]);

    let first: AsyncIterable<Uint8Array> | undefined;
    let last = "";
    for await (const entry of readTar(pieces(tar, 100))) {
      if (entry.kind === "file" && first === undefined) {
        first = entry.content;
        for await (const _ of entry.content) break;
      } else if (entry.kind === "file") {
        last = (await collect(entry.content)).toString();
      }
    }
    expect(last).toBe("bbb");
    await expect(collect(first ?? pieces(end))).rejects.toThrow("can be read once");
  });

  test("a tar that ends without padding and zeros, as umoci writes it", async () => {
    const tar = Buffer.concat([block({ 0: "a" }, 10), Buffer.from("1234567890")]);
    expect(await read(tar)).toMatchObject([{ path: "a", text: "1234567890" }]);
    await expect(read(tar.subarray(0, 512 + 9))).rejects.toThrow(InvalidTarError);
  });

  test("the stream is read to its end, and closed when the reader stops", async () => {
    let given = 0;
    let closed = 0;
    const source = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for await (const chunk of pieces(
          Buffer.concat([block({ 0: "a" }), end, Buffer.alloc(9000)]),
          512,
        )) {
          given += chunk.length;
          yield chunk;
        }
      } finally {
        closed++;
      }
    };
    for await (const _ of readTar(source()));
    expect([given, closed]).toEqual([512 + 1024 + 9000, 1]);
    for await (const _ of readTar(source())) break;
    expect(closed).toBe(2);
  });

  test("an abort ends it", async () => {
    const reason = new Error("stopped");
    await expect(readTar(pieces(end), { signal: AbortSignal.abort(reason) }).next()).rejects.toBe(
      reason,
    );
  });
});

describe("what is refused", () => {
  test.each<[string, Uint8Array]>([
    ["a path with '..'", named("../etc/passwd")],
    ["a path with '..' inside", named("a/../b")],
    ["a path that ends in '..'", named("a/..")],
    ["an absolute path with '..'", named("/..")],
    ["a path that is not UTF-8", Buffer.concat([block({ 0: Uint8Array.of(0xe9) }), end])],
    ["a NUL in a PAX path", Buffer.concat([pax(record("path", "a\0b")), block({}), end])],
    ["a hard link out of the root", Buffer.concat([block({ [typeFlag]: "1", 157: "../x" }), end])],
    ["a hard link to nothing", Buffer.concat([block({ [typeFlag]: "1" }), end])],
    ["a link without a text", Buffer.concat([block({ [typeFlag]: "2" }), end])],
    [
      "a file as the root",
      Buffer.concat([block({ 0: "./\0", [typeFlag]: "2", 157: "/etc" }), end]),
    ],
    ["a whiteout of '.'", named("a/.wh..")],
    ["a whiteout of '..'", named("a/.wh...")],
    ["a whiteout of nothing", named("a/.wh.")],
    ["a sparse file of GNU", Buffer.concat([block({ [typeFlag]: "S" }), end])],
    ["a sparse file of PAX", Buffer.concat([pax(record("GNU.sparse.major", "1")), block({}), end])],
    ["an unknown type", Buffer.concat([block({ [typeFlag]: "V" }), end])],
    ["a wrong checksum", Buffer.concat([Buffer.alloc(512, 1), end])],
    ["letters in a number", Buffer.concat([block({ 124: "abc" }), end])],
    ["a negative size", Buffer.concat([block({ 124: Buffer.alloc(12, 0xff) }), end])],
    [
      "an endless size",
      Buffer.concat([block({ 124: Buffer.from("807fffffffffffffffffffff", "hex") }), end]),
    ],
    ["a negative PAX size", Buffer.concat([pax(record("size", "-5")), block({}), end])],
    ["a negative owner", Buffer.concat([block({ 108: Buffer.alloc(8, 0xff) }), end])],
    [
      "a PAX record that lies about its length",
      Buffer.concat([pax(Buffer.from("99 path=x\n")), block({}), end]),
    ],
    [
      "a PAX record with a negative length",
      Buffer.concat([pax(Buffer.from("-9 path=x\n")), block({}), end]),
    ],
    ["a PAX record without a key", Buffer.concat([pax(Buffer.from("5 =x\n")), block({}), end])],
    [
      "an extended header of 2 MiB",
      Buffer.concat([pax(record("path", "x".repeat(2 << 20))), block({}), end]),
    ],
    ["an extended header before the end", Buffer.concat([pax(record("path", "x")), end])],
    ["a cut header", block({}).subarray(0, 100)],
    ["a cut content", Buffer.concat([block({ 0: "a" }, 1000), Buffer.alloc(512)])],
    ["a cut extended header", pax(record("path", "x".repeat(600))).subarray(0, 700)],
    ["something behind one block of zeros", Buffer.concat([Buffer.alloc(512), block({}), end])],
  ])("%s", async (_, tar) => {
    await expect(read(tar)).rejects.toThrow(InvalidTarError);
  });

  test("random damage gives entries or a typed error, and nothing else", async () => {
    const good = Buffer.concat([
      pax(record("path", "some/path"), record("SCHILY.xattr.user.a", "1")),
      block({}, 5),
      body("12345"),
      block({ 0: "link", [typeFlag]: "2", 157: "target" }),
      end,
    ]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (changes, repair) => {
          const bad = Buffer.from(good);
          for (const [offset, value] of changes) bad[offset] = value;
          // With the checksums put right, the damage gets past the first check.
          if (repair) {
            for (const offset of [0, 1024, 2048])
              bad.set(block({ 0: bad.subarray(offset, offset + 512) }), offset);
          }
          const failure = await read(bad).then(
            () => undefined,
            (error: unknown) => error,
          );
          expect(failure === undefined || failure instanceof InvalidTarError).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
