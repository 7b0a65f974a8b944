import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import yauzl from "yauzl";
import { contentBytes } from "../../testing/file-entries.ts";
import { writeZip, type ZipMember, type ZipOptions } from "../../testing/zip-writer.ts";
import { InvalidWheelError } from "./wheel-error.ts";
import { ZipArchive } from "./zip.ts";

let folder: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-zip-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(bytes: Buffer): Promise<string> {
  const path = join(folder, `${count++}.zip`);
  await writeFile(path, bytes);
  return path;
}

/** Everything in the zip, read in the order in which it lies there. */
async function readAll(path: string): Promise<[string, string][]> {
  using archive = ZipArchive.open(path);
  const contents = [...archive.contents(archive.entries)];
  return Promise.all(
    archive.entries.map(async ({ name, kind }, index): Promise<[string, string]> => {
      const content = contents[index];
      if (!content) throw new Error("Fewer contents than entries.");
      return [kind === "file" ? name : `${name}/`, (await contentBytes(content)).toString("hex")];
    }),
  );
}

/** The same, read by yauzl. */
async function yauzlReadAll(path: string): Promise<[string, string][]> {
  const zip = await yauzl.openPromise(path);
  const found: [string, string][] = [];
  for await (const entry of zip.eachEntry()) {
    const parts: Buffer[] = [];
    for await (const chunk of await zip.openReadStreamPromise(entry)) parts.push(chunk as Buffer);
    found.push([entry.fileName, Buffer.concat(parts).toString("hex")]);
  }
  return found;
}

async function attempt(members: readonly ZipMember[], options?: ZipOptions): Promise<unknown> {
  return readAll(await write(writeZip(members, options)));
}

function noPrefixOfAnother(members: readonly { name: string }[]): boolean {
  return members.every(({ name }) => members.every((other) => !other.name.startsWith(`${name}/`)));
}

describe("reading", () => {
  const segment = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
    .filter((text) => !/[/\\:\p{Cc}]|^\.{1,2}$/u.test(text) && text.isWellFormed());
  const member = fc.record({
    name: fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
    content: fc.uint8Array({ maxLength: 3000 }),
    stored: fc.boolean(),
    zip64: fc.boolean(),
    gap: fc.constantFrom(0, 0, 7),
    descriptor: fc.constantFrom(undefined, "signed" as const, "unsigned" as const),
  });
  it("gives what yauzl gives, for any zip", async () => {
    const zips = fc
      .uniqueArray(member, { selector: ({ name }) => name, maxLength: 12 })
      .filter(noPrefixOfAnother);
    await fc.assert(
      fc.asyncProperty(zips, fc.boolean(), fc.string(), async (made, zip64, comment) => {
        const members = made.map(({ descriptor, ...rest }): ZipMember => {
          // yauzl insists on reading sizes from the directory alone, so both are fine together.
          return descriptor ? { ...rest, zip64: false, descriptor } : rest;
        });
        const path = await write(writeZip(members, { zip64, comment }));
        expect(await readAll(path)).toEqual(await yauzlReadAll(path));
      }),
      { numRuns: 150 },
    );
  });

  it("gives contents in any order that is asked for", async () => {
    const members = Array.from({ length: 60 }, (_, index) => ({
      name: `f${index}`,
      content: `content ${index} `.repeat(index * 40),
    }));
    const path = await write(writeZip(members));
    const order = fc.shuffledSubarray(Array.from(members.keys()), { minLength: 0 });
    await fc.assert(
      fc.asyncProperty(order, async (indices) => {
        using archive = ZipArchive.open(path);
        const wanted = indices.map((index) => archive.entries[index] ?? expect.fail());
        const contents = [...archive.contents(wanted)];
        const texts = await Promise.all(
          contents.map(async (c) => (await contentBytes(c)).toString()),
        );
        expect(texts).toEqual(indices.map((index) => members[index]?.content));
      }),
      { numRuns: 30 },
    );
  });

  it("streams what is large, also after the archive is closed", async () => {
    const large = Buffer.alloc(9_000_000);
    for (let at = 0; at < large.length; at += 4)
      large.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
    const path = await write(
      writeZip([
        { name: "a", content: "a" },
        { name: "deflated", content: large },
        { name: "stored", content: large, stored: true },
        { name: "z", content: "z" },
      ]),
    );
    const archive = ZipArchive.open(path);
    const [a, deflated, stored, z] = [...archive.contents(archive.entries)];
    archive[Symbol.dispose]();
    expect(deflated?.encoding).toBe("deflate");
    expect(typeof deflated?.data).toBe("function");
    expect(stored?.encoding).toBe("identity");
    for (const content of [deflated, stored]) {
      expect(large.equals(await contentBytes(content ?? expect.fail()))).toBe(true);
      // A source can be read anew.
      expect(large.equals(await contentBytes(content ?? expect.fail()))).toBe(true);
    }
    expect((await contentBytes(a ?? expect.fail())).toString()).toBe("a");
    expect((await contentBytes(z ?? expect.fail())).toString()).toBe("z");
  });

  it("gives the start of a content", async () => {
    const path = await write(
      writeZip([
        { name: "short", content: "#!" },
        { name: "empty", content: "" },
        { name: "long", content: "#!python\n".repeat(500_000) },
        { name: "stored", content: "#!python -E", stored: true },
      ]),
    );
    using archive = ZipArchive.open(path);
    const starts = await Promise.all(archive.entries.map((entry) => archive.start(entry, 8)));
    expect(starts.map(String)).toEqual(["#!", "", "#!python", "#!python"]);
  });

  it("knows permissions from Unix, and none from elsewhere", async () => {
    const path = await write(
      writeZip([
        { name: "plain", mode: 0o100644 },
        { name: "executable", mode: 0o100755 },
        { name: "dos", mode: -1 },
      ]),
    );
    using archive = ZipArchive.open(path);
    expect(archive.entries.map(({ permissions }) => permissions)).toEqual([0o644, 0o755, 0]);
  });
});

describe("refusing", () => {
  const good = { name: "good", content: "good ".repeat(100) };

  const hostile: [string, readonly ZipMember[], ZipOptions?][] = [
    ["a name that leads out", [{ name: "a/../../b" }]],
    ["a name that is '..'", [{ name: ".." }]],
    ["an absolute name", [{ name: "/etc/passwd" }]],
    ["a backslash", [{ name: "a\\..\\b" }]],
    ["a drive", [{ name: "C:evil" }]],
    ["a NUL byte", [{ name: "a\0b" }]],
    ["a line feed", [{ name: "a\nb" }]],
    ["an empty name", [{ name: "" }]],
    ["an empty part", [{ name: "a//b" }]],
    ["a part that is '.'", [{ name: "./a" }]],
    ["a name that is not UTF-8", [{ name: Buffer.from([0x61, 0xff]) }]],
    ["a name longer than a path may be", [{ name: "a/".repeat(3000) + "b" }]],
    ["the same name twice", [good, good]],
    ["a file and a directory of one name", [{ name: "a" }, { name: "a/" }]],
    ["a file where a directory is needed", [{ name: "a" }, { name: "a/b" }]],
    ["a second name in an extra field", [{ name: "a", extra: unicodePath("b") }]],
    ["a symbolic link", [{ name: "link", content: "/etc/passwd", mode: 0o120777 }]],
    ["a device", [{ name: "device", mode: 0o020644 }]],
    ["a directory that is called as a file", [{ name: "a", mode: 0o40755 }]],
    ["a file that is called as a directory", [{ name: "a/", mode: 0o100644 }]],
    ["a directory with content", [{ name: "a/", content: "x" }]],
    ["encryption", [{ ...good, flags: 0x0801 }]],
    ["masked headers", [{ ...good, flags: 0x2800 }]],
    ["another method", [{ ...good, method: 12 }]],
    ["a ratio that deflate cannot have", [{ ...good, central: { size: 1_000_000_000 } }]],
    ["two sizes of a stored file", [{ ...good, stored: true, central: { size: 3 } }]],
    ["entries that overlap", [good, { name: "b", content: "b", central: { offset: 10 } }]],
    ["two entries at one place", [good, { ...good, name: "best", central: { offset: 0 } }]],
    ["an entry that reaches into the directory", [{ ...good, central: { compressedSize: 400 } }]],
    ["an offset behind the end", [{ ...good, central: { offset: 5_000_000 } }]],
    [
      "a header that is not where it should be",
      [
        {
          name: "a",
          content: "a".repeat(99),
          stored: true,
          central: { offset: 1, compressedSize: 9, size: 9 },
        },
      ],
    ],
    ["another name in the local header", [{ ...good, local: { name: "evil" } }]],
    ["another size in the local header", [{ ...good, local: { size: 4 } }]],
    ["another CRC in the local header", [{ ...good, local: { crc: 4 } }]],
    ["another method in the local header", [{ ...good, local: { method: 0 } }]],
    ["other flags in the local header", [{ ...good, local: { flags: 0x0809 } }]],
    [
      "another CRC than in the descriptor",
      [{ ...good, descriptor: "signed", central: { crc: 1 } }],
    ],
    [
      "another CRC than a stored file has",
      [{ ...good, stored: true, central: { crc: 1 }, local: { crc: 1 } }],
    ],
    ["a directory that counts too many", [good], { count: 2 }],
    ["a directory that counts too few", [good, { name: "b" }], { count: 1 }],
    ["a directory that is larger than it says", [good, { name: "b" }], { directorySize: 50 }],
    ["a zip64 directory that counts too many", [good], { count: 2, zip64: true }],
    ["a second end in the comment", [good], { comment: writeZip([]) }],
  ];

  for (const [what, members, options] of hostile) {
    it(what, async () => {
      const error = await attempt(members, options).then(
        () => undefined,
        (raised: unknown) => raised,
      );
      expect(error).toBeInstanceOf(InvalidWheelError);
      expect((error as InvalidWheelError).message).toMatch(/^The wheel \d+\.zip cannot be used: /);
    });
  }

  it("claims of more content than any disk has", async () => {
    const members = Array.from({ length: 70 }, (_, index) => ({
      name: `bomb${index}`,
      method: 8,
      data: Buffer.alloc(1024 * 1024),
      central: { size: 1024 ** 3 },
    }));
    await expect(attempt(members)).rejects.toThrow("claims to unpack to more than");
  });

  it("a zip that was cut off, wherever", async () => {
    const bytes = writeZip([good, { name: "b", content: "b" }]);
    const path = await write(bytes);
    for (let length = bytes.length - 1; length >= 0; length -= 7) {
      await truncate(path, length);
      await expect(readAll(path)).rejects.toBeInstanceOf(InvalidWheelError);
    }
  });

  it("bytes behind the end, and bytes before the beginning", async () => {
    const bytes = writeZip([good]);
    for (const changed of [
      Buffer.concat([bytes, Buffer.from("x")]),
      Buffer.concat([Buffer.from("x"), bytes]),
    ]) {
      await expect(readAll(await write(changed))).rejects.toBeInstanceOf(InvalidWheelError);
    }
  });

  it("contents that are not what the directory says, when they are read whole", async () => {
    const lies: ZipMember[] = [
      { ...good, central: { crc: 1 }, local: { crc: 1 } },
      { ...good, data: Buffer.from("not deflate") },
      { ...good, data: deflateRawSync("longer ".repeat(1000)) },
      { ...good, data: deflateRawSync("short") },
    ];
    for (const lie of lies) {
      using archive = ZipArchive.open(await write(writeZip([lie])));
      const [entry = expect.fail()] = archive.entries;
      expect(() => archive.bytes(entry, 1_000_000)).toThrow(InvalidWheelError);
    }
    using archive = ZipArchive.open(await write(writeZip([good])));
    const [entry = expect.fail()] = archive.entries;
    expect(() => archive.bytes(entry, 499)).toThrow("longer than 499 bytes");
    expect(archive.bytes(entry, 500).toString()).toBe(good.content);
  });

  it("never fails in another way, whatever a byte is changed to", async () => {
    const bytes = writeZip([good, { name: "b", content: "b", descriptor: "signed", zip64: true }], {
      zip64: true,
    });
    const change = fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const changed = Buffer.from(bytes);
        for (const [at, value] of changes) changed[at] = value;
        using archive = await write(changed)
          .then((path) => ZipArchive.open(path))
          .catch((error: unknown) => {
            if (error instanceof InvalidWheelError) return undefined;
            throw error;
          });
        for (const entry of archive?.entries ?? []) {
          try {
            archive?.bytes(entry, 10_000);
          } catch (error) {
            if (!(error instanceof InvalidWheelError)) throw error;
          }
        }
      }),
      { numRuns: 400 },
    );
  });
});

/** An Info-ZIP Unicode path field. */
function unicodePath(name: string): Buffer {
  const field = Buffer.concat([Buffer.alloc(9), Buffer.from(name)]);
  field.writeUInt16LE(0x7075, 0);
  field.writeUInt16LE(5 + name.length, 2);
  field[4] = 1;
  return field;
}
