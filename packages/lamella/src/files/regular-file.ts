import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Digest } from "./digest.ts";

/**
 * Opens a file that somebody else wrote, for reading: a link there could lead to any file of this machine, and a pipe would
 * never end. Throws an Error for what is no regular file, or is longer than `longest` bytes.
 */
async function openRegularFile(path: string, longest: number): Promise<FileHandle> {
  // Before it is opened: opening a device can have effects.
  if (!(await lstat(path)).isFile()) throw new Error(`${path} is no regular file.`);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error(`${path} is no regular file.`);
    if (stats.size > longest) throw new Error(`${path} is longer than ${longest} bytes.`);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The content of such a file. */
export async function readRegularFile(path: string, longest: number): Promise<Buffer> {
  await using file = await openRegularFile(path, longest);
  return await file.readFile();
}

/** The digest and length, in bytes, of such a file. */
export async function digestRegularFile(
  path: string,
  longest: number,
): Promise<{ readonly digest: Digest; readonly size: number }> {
  await using file = await openRegularFile(path, longest);
  const { size } = await file.stat();
  const hash = createHash("sha256");
  await pipeline(file.createReadStream({ autoClose: false }), hash);
  return { digest: `sha256:${hash.digest("hex")}`, size };
}
