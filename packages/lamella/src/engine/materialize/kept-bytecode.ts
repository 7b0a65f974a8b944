import { posix } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import * as z from "zod/mini";
import { canonicalDigest } from "../../files/canonical.ts";
import { type Digest, parseDigest } from "../../files/digest.ts";
import type { FileEntry } from "../../files/entry.ts";
import { deflateLevel } from "../../oci/gzip-member.ts";
import type { Compiler } from "../../python/bytecode.ts";
import type { InstallTarget } from "../../python/install-target.ts";
import { BlobNotFoundError, CorruptBlobError } from "../../store/error.ts";
import type { Store } from "../../store/store.ts";
import type { Compilers } from "./compilers.ts";
import type { LocalWheel } from "./layer-job.ts";

/** To be raised with every change to what is compiled, or to how it is kept. */
const recipe = "2";

const namespace = "bytecode";

/**
 * A wheel's bytecode in the store: a blob of deflate streams, one behind the other, and which file each is. It is compiled
 * once for all images that have the wheel, whatever shares its layer there.
 */
interface KeptBytecode {
  readonly blob: Digest;
  readonly files: readonly KeptFile[];
}

/** Path in the image, length in bytes, CRC-32, and length of the deflate stream. */
type KeptFile = readonly [path: string, size: number, crc: number, compressedSize: number];

export interface BytecodeContext {
  readonly target: InstallTarget;
  readonly compiler: Compiler;
  readonly store: Store;
  readonly compilers: Compilers;
}

/** The bytecode of a wheel: what the store has of it, else compiled now and put there. */
export async function keepBytecode(
  wheel: LocalWheel,
  context: BytecodeContext,
): Promise<KeptBytecode> {
  const { store, target, compiler } = context;
  const { digest, filename } = wheel;
  const { version, cacheTag } = compiler;
  const { python, prefix, physicalPrefix } = target;
  const key = canonicalDigest([
    ["lamella.bytecode", recipe],
    [digest, filename],
    [python, prefix, physicalPrefix],
    [version, cacheTag],
  ]);
  const kept = await store.memos.get(namespace, key, parseKept);
  if (kept && (await isWhole(kept.blob, store))) return kept;
  const made = await compile(wheel, context);
  await store.memos.put(namespace, key, made);
  return made;
}

/** Whether the blob is there and undamaged. A damaged one is removed. */
async function isWhole(blob: Digest, store: Store): Promise<boolean> {
  try {
    for await (const _ of store.blobs.read(blob));
    return true;
  } catch (error) {
    if (error instanceof BlobNotFoundError || error instanceof CorruptBlobError) return false;
    throw error;
  }
}

async function compile(
  wheel: LocalWheel,
  { target, compiler, store, compilers }: BytecodeContext,
): Promise<KeptBytecode> {
  await using blob = await store.blobs.create();
  const files: KeptFile[] = [];
  for await (const { path, bytes } of compilers.get(compiler).compile(wheel, target)) {
    const deflated = deflateRawSync(bytes, { level: deflateLevel });
    await blob.write(deflated);
    files.push([path, bytes.length, crc32(bytes), deflated.length]);
  }
  return { blob: (await blob.commit()).digest, files };
}

/** The files and the directories that lead to them. Raises CorruptBlobError when the blob is damaged. */
export async function* keptEntries(
  { blob, files }: KeptBytecode,
  store: Store,
): AsyncGenerator<FileEntry, void, void> {
  const directories = new Set<string>(["."]);
  const streams = cut(
    store.blobs.read(blob),
    files.map(([, , , compressedSize]) => compressedSize),
  );
  for (const [path, size, crc, compressedSize] of files) {
    yield* newDirectories(posix.dirname(path), directories);
    const { value: data } = await streams.next();
    if (!data) throw new RangeError(`The bytecode ${blob} ends before ${path}.`);
    const content = { encoding: "deflate", size, crc32: crc, compressedSize, data } as const;
    yield { kind: "file", path, mode: 0o644, content };
  }
  // To the end, where the blob is held to its digest.
  await streams.next();
}

/** The directory and those above it that were not given before, the highest first. */
function* newDirectories(path: string, given: Set<string>): Generator<FileEntry, void, void> {
  if (given.has(path)) return;
  yield* newDirectories(posix.dirname(path), given);
  given.add(path);
  yield { kind: "directory", path, mode: 0o755 };
}

/** Cuts a stream into pieces of these lengths, in bytes, and reads it to its end. */
async function* cut(
  stream: AsyncIterable<Uint8Array>,
  lengths: readonly number[],
): AsyncGenerator<Uint8Array, void, void> {
  const chunks = stream[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  for (const length of lengths) {
    const parts: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      if (rest.length === 0) {
        const { value, done } = await chunks.next();
        if (done) return;
        rest = value;
      }
      const part = rest.subarray(0, missing);
      parts.push(part);
      rest = rest.subarray(part.length);
      missing -= part.length;
    }
    yield parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }
  while (!(await chunks.next()).done);
}

const count = z.number().check(z.int(), z.nonnegative());
const keptRecord = z.object({
  blob: z.pipe(z.string(), z.transform(parseDigest)),
  files: z.array(z.tuple([z.string(), count, count, count])),
});

function parseKept(value: unknown): KeptBytecode {
  return keptRecord.parse(value);
}
