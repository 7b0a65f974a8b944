import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  cp,
  lstat,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { crc32, deflateRawSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sha256 } from "../files/digest.ts";
import { bytesFile, type FileEntry } from "../files/entry.ts";
import { assembleImage } from "./assemble.ts";
import { imageLayers, parseImageConfig } from "./config.ts";
import { decompressLayer } from "./decompress.ts";
import type { Layer } from "./descriptor.ts";
import { writeLayer } from "./layer.ts";
import { createLayout } from "./layout.ts";
import { parseImageManifest } from "./manifest.ts";
import { mediaType } from "./media-type.ts";
import { readTar } from "./tar-reader.ts";

// Other people's readers over our bytes, and our reader over other people's.

const run = promisify(execFile);
const root = await mkdtemp(join(tmpdir(), "lamella-readers-"));
const layerPath = join(root, "layer.tar.gz");
const layoutPath = join(root, "layout");
afterAll(() => rm(root, { recursive: true }));

const large = Buffer.alloc(9_000_000, "some text that repeats, and ");
const files: Readonly<Record<string, { readonly bytes: Buffer; readonly mode: number }>> = {
  "opt/empty": { bytes: Buffer.alloc(0), mode: 0o644 },
  "opt/plain": { bytes: Buffer.from("plain\n"), mode: 0o755 },
  [`opt/${"long/".repeat(50)}name`]: { bytes: Buffer.from("long"), mode: 0o600 },
  "opt/größe/名前": { bytes: Buffer.from("unicode"), mode: 0o644 },
  "opt/large": { bytes: large, mode: 0o644 },
};

function entries(): FileEntry[] {
  const list: FileEntry[] = [{ kind: "directory", path: "opt", mode: 0o755 }];
  for (const [path, { bytes, mode }] of Object.entries(files)) {
    list.push(bytesFile(`${path}.raw`, bytes, { mode }));
    const deflated = deflateRawSync(bytes);
    list.push({
      kind: "file",
      path: `${path}.deflated`,
      mode,
      content: {
        encoding: "deflate",
        size: bytes.length,
        crc32: crc32(bytes),
        compressedSize: deflated.length,
        data: deflated,
      },
    });
  }
  list.push({ kind: "symlink", path: "opt/link", target: "plain.raw" });
  return list;
}

let layer: Layer;

beforeAll(async () => {
  await using file = await open(layerPath, "w");
  const hash = createHash("sha256");
  const { diffId } = await writeLayer(entries(), {
    write: async (chunk) => {
      hash.update(chunk);
      await file.writeFile(chunk);
    },
  });
  const { size } = await file.stat();
  layer = { mediaType: mediaType.layerGzip, digest: `sha256:${hash.digest("hex")}`, size, diffId };
  const layout = await createLayout(layoutPath);
  const image = assembleImage({
    platform: { os: "linux", architecture: "amd64" },
    layers: [{ ...layer, createdBy: "test" }],
    changes: { env: { A: "1" }, command: ["/opt/plain.raw"] },
  });
  await layout.writeBlob(layer.digest, layer.size, createReadStream(layerPath));
  const { descriptor, bytes } = image.config;
  await layout.writeBlob(descriptor.digest, descriptor.size, inOne(bytes));
  await layout.addManifest(image.manifest.descriptor, image.manifest.bytes, "test");
});

async function* inOne(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Holds an unpacked folder to the entries. */
async function expectFiles(folder: string): Promise<void> {
  for (const [path, { bytes, mode }] of Object.entries(files)) {
    for (const name of [`${path}.raw`, `${path}.deflated`]) {
      expect((await readFile(join(folder, name))).equals(bytes)).toBe(true);
      const stats = await lstat(join(folder, name));
      expect([name, stats.mode & 0o7777, stats.mtimeMs]).toEqual([name, mode, 315_619_200_000]);
    }
  }
  expect(await readlink(join(folder, "opt/link"))).toBe("plain.raw");
  expect((await readdir(join(folder, "opt"))).length).toBe(1 + 3 * 2 + 1 + 1);
}

describe("our layer is read by", () => {
  test("gzip, to the bytes that the diff ID is of", async () => {
    await run("gzip", ["-t", layerPath]);
    const { stdout } = await run("gzip", ["-dc", layerPath], {
      encoding: "buffer",
      maxBuffer: 1 << 28,
    });
    expect(sha256(stdout)).toBe(layer.diffId);
  });

  test("GNU tar", async () => {
    const folder = await mkdtemp(join(root, "tar-"));
    const { stderr } = await run("tar", ["-C", folder, "-xpf", layerPath]);
    expect(stderr).toBe("");
    await expectFiles(folder);
  });

  test("Python's tarfile", async () => {
    const folder = await mkdtemp(join(root, "python-"));
    const program =
      "import sys, tarfile; tarfile.open(sys.argv[1], 'r:gz').extractall(sys.argv[2])";
    await run("python3", ["-I", "-c", program, layerPath, folder]);
    await expectFiles(folder);
  });
});

describe("our layout is read by", () => {
  test("skopeo, which copies it to the same digest", async () => {
    const { stdout } = await run("skopeo", ["inspect", `oci:${layoutPath}:test`]);
    const inspected = JSON.parse(stdout) as { Layers: string[]; Env: string[]; Digest: string };
    expect(inspected).toMatchObject({
      Layers: [layer.digest],
      Env: ["A=1"],
      Architecture: "amd64",
    });
    const copy = join(root, "copy");
    await run("skopeo", [
      "copy",
      `oci:${layoutPath}:test`,
      `oci:${copy}:test`,
      "--insecure-policy",
    ]);
    const index = JSON.parse(await readFile(join(copy, "index.json"), "utf8")) as {
      manifests: { digest: string }[];
    };
    expect(index.manifests[0]?.digest).toBe(inspected.Digest);
  });

  test("umoci, which unpacks it", async () => {
    const bundle = join(root, "bundle");
    await run("umoci", ["unpack", "--rootless", "--image", `${layoutPath}:test`, bundle]);
    await expectFiles(join(bundle, "rootfs"));
  });

  test("us, after umoci has added a layer of its own", async () => {
    const added = join(root, "added");
    await cp(layoutPath, added, { recursive: true });
    const content = join(root, "content");
    await writeFile(content, "from umoci");
    await run("umoci", [
      "insert",
      "--rootless",
      "--image",
      `${added}:test`,
      content,
      "/opt/inserted",
    ]);
    const layout = await createLayout(added);
    const manifest = parseImageManifest((await layout.manifest("test"))?.bytes ?? new Uint8Array());
    const configBytes = Buffer.concat(
      await Array.fromAsync(layout.readBlob(manifest.config.digest)),
    );
    const [, top] = imageLayers(manifest, parseImageConfig(configBytes));
    const found: string[] = [];
    if (top !== undefined) {
      for await (const entry of readTar(
        decompressLayer(layout.readBlob(top.digest), top.mediaType),
      )) {
        found.push(`${entry.kind} ${entry.path}`);
      }
    }
    expect(found).toContain("file opt/inserted");
  });
});

describe("we read", () => {
  test.each(["gnu", "pax", "ustar", "oldgnu", "v7"])(
    "what GNU tar writes as %s",
    async (format) => {
      const folder = await mkdtemp(join(root, "make-"));
      await run("tar", ["-C", folder, "-xpf", layerPath]);
      // The old formats have no long names and no bytes but ASCII.
      const names =
        format === "v7" || format === "ustar"
          ? ["opt/plain.raw", "opt/link", "opt/large.raw"]
          : ["opt"];
      const archive = join(folder, "archive.tar");
      await run("tar", ["-C", folder, `--format=${format}`, "-cf", archive, ...names]);
      const found = new Map<string, string>();
      for await (const entry of readTar(createReadStream(archive))) {
        if (entry.kind === "file") {
          const bytes = Buffer.concat(await Array.fromAsync(entry.content));
          found.set(entry.path, sha256(bytes));
        } else if (entry.kind === "symlink") {
          found.set(entry.path, entry.target);
        }
      }
      const wanted = new Map<string, string>([["opt/link", "plain.raw"]]);
      for (const [path, { bytes }] of Object.entries(files)) {
        wanted.set(`${path}.raw`, sha256(bytes));
        wanted.set(`${path}.deflated`, sha256(bytes));
      }
      for (const [path, content] of wanted) {
        if (names[0] === "opt" || names.includes(path))
          expect([path, found.get(path)]).toEqual([path, content]);
      }
    },
  );
});
