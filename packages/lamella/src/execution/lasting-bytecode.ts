import { lstatSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { sourceHash } from "./source-hash.ts";

// PEP 552: four bytes of magic number, four of flags, and eight of the source's time and size, or of its hash.
const headerBytes = 16;
const timestampFlags = 0;
const uncheckedHashFlags = 0b01;

/**
 * The content of a `.pyc` at a path, turned from one that is valid for a time of its source into an unchecked hash-based
 * one (PEP 552): layers give all files one time, after which Python would compile each at every start. Only where the
 * source is in the same directory tree and the bytecode is valid for it; others are left as they are.
 */
export async function* lastingBytecode(
  path: string,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const pieces = content[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
    if (head.length >= headerBytes) {
      yield next.value;
      continue;
    }
    head = Buffer.concat([head, next.value]);
    if (head.length < headerBytes) continue;
    rewriteHeader(head, path);
    yield head;
  }
  if (head.length < headerBytes) yield head;
}

function rewriteHeader(bytes: Buffer, path: string): void {
  if (bytes.readUInt32LE(4) !== timestampFlags) return;
  const source = sourcePath(path);
  const stats = lstatSync(source, { throwIfNoEntry: false });
  if (stats?.isFile() !== true) return;
  const seconds = Math.floor(stats.mtimeMs / 1000) >>> 0;
  if (bytes.readUInt32LE(8) !== seconds || bytes.readUInt32LE(12) !== stats.size >>> 0) return;
  bytes.writeUInt32LE(uncheckedHashFlags, 4);
  bytes.set(sourceHash(bytes.subarray(0, 4), readFileSync(source)), 8);
}

/** PEP 3147: `__pycache__/NAME.TAG.pyc` is of `NAME.py` in the folder above, `NAME.pyc` of the one beside it. */
function sourcePath(path: string): string {
  const folder = dirname(path);
  const name = basename(path, ".pyc");
  return basename(folder) === "__pycache__"
    ? join(dirname(folder), `${name.slice(0, name.indexOf("."))}.py`)
    : join(folder, `${name}.py`);
}
