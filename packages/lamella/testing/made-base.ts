import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import tarStream from "tar-stream";
import type { Digest } from "../src/files/digest.ts";

/** One entry of a layer that a test makes by hand, in the words of tar. */
export interface MadeEntry {
  readonly name: string;
  readonly type: "file" | "directory" | "symlink" | "link" | "character-device" | "fifo";
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly linkname?: string;
  readonly content?: string | Uint8Array;
}

type Owner = Pick<MadeEntry, "mode" | "uid" | "gid">;

export function directory(name: string, owner: Owner = {}): MadeEntry {
  return { name, type: "directory", ...owner };
}

export function file(
  name: string,
  content: string | Uint8Array = "",
  owner: Owner = {},
): MadeEntry {
  return { name, type: "file", content, ...owner };
}

export function symlink(name: string, target: string): MadeEntry {
  return { name, type: "symlink", linkname: target };
}

export function hardLink(name: string, target: string): MadeEntry {
  return { name, type: "link", linkname: target };
}

/** An uncompressed tar, written by tar-stream and not by us. Names are taken as they are, hostile ones too. */
export async function tarOf(entries: readonly MadeEntry[]): Promise<Buffer> {
  const pack = tarStream.pack();
  for (const { content = "", mode, linkname, ...entry } of entries) {
    const bytes = Buffer.from(content);
    pack.entry(
      {
        ...entry,
        ...(linkname !== undefined && { linkname }),
        mode: mode ?? (entry.type === "directory" ? 0o755 : 0o644),
        size: entry.type === "file" ? bytes.length : 0,
        mtime: new Date(0),
      },
      entry.type === "file" ? bytes : "",
    );
  }
  pack.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of pack) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** A layer with both of its digests and its bytes. */
export interface MadeLayer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly diffId: Digest;
  readonly bytes: Uint8Array;
  open(): AsyncIterable<Uint8Array>;
}

/** A gzip layer of hand-made entries. */
export async function makeLayer(entries: readonly MadeEntry[]): Promise<MadeLayer> {
  return layerOf(await tarOf(entries));
}

/** A gzip layer with a folder of this machine at a path of the image: `opt/venv`. GNU tar packs it. */
export async function layerOfFolder(folder: string, path: string): Promise<MadeLayer> {
  const args = ["-C", folder, `--transform=flags=r;s,^\\.,${path},`, "--owner=0", "--group=0"];
  const { stdout } = await promisify(execFile)("tar", [...args, "-cf", "-", "."], {
    encoding: "buffer",
    maxBuffer: 1024 * 1024 * 1024,
  });
  return layerOf(stdout);
}

function layerOf(tar: Uint8Array): MadeLayer {
  const bytes = gzipSync(tar, { level: 1 });
  return {
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    digest: digestOf(bytes),
    size: bytes.length,
    diffId: digestOf(tar),
    bytes,
    async *open() {
      yield bytes;
    },
  };
}

function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
