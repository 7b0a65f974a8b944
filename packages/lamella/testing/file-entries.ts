import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inflateRawSync } from "node:zlib";
import type { FileContent, FileEntry } from "../src/files/entry.ts";

/** All bytes of a content, uncompressed. */
export async function contentBytes(content: FileContent): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  if (content.data instanceof Uint8Array) parts.push(content.data);
  else for await (const chunk of content.data()) parts.push(chunk);
  const bytes = Buffer.concat(parts);
  return content.encoding === "deflate" ? inflateRawSync(bytes) : bytes;
}

/** Puts entries below a folder, as an image's root would have them; owners are left out. */
export async function placeEntries(
  root: string,
  entries: Iterable<FileEntry> | AsyncIterable<FileEntry>,
): Promise<void> {
  for await (const entry of entries) {
    const path = join(root, entry.path);
    await mkdir(dirname(path), { recursive: true });
    switch (entry.kind) {
      case "directory":
        await mkdir(path, { recursive: true });
        break;
      case "file":
        await writeFile(path, await contentBytes(entry.content));
        await chmod(path, entry.mode);
        break;
      case "symlink":
        await symlink(entry.target, path);
        break;
      case "whiteout":
        throw new Error(`No whiteouts here: ${entry.path}`);
    }
  }
}
