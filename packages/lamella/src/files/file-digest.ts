import { createHash, hash } from "node:crypto";
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
} from "node:fs";
import type { Digest } from "./digest.ts";
import type { DigestMemo } from "./digest-memo.ts";
import { FileChangedError, fileSystemError } from "./error.ts";
import type { FileStats } from "./file-stats.ts";
import type { SlicedWork } from "./sliced-work.ts";

/** A regular file's content as it was at one moment. */
export interface FileSnapshot {
  readonly digest: Digest;
  /** Length in bytes. */
  readonly size: number;
  /** By the owner's executable bit; the other permission bits are the machine's business (umask). */
  readonly executable: boolean;
}

/** Never reads through a link that took the file's place since it was looked at. */
export const openWithoutFollowing: number = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);

/** Shared by all work of this thread: nothing is kept in it from one slice to the next. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024);

/**
 * Hashes the regular file at `path`, or takes its digest from the memo. `stats` are its own, just taken.
 * Raises {@link FileChangedError} for a file that does not hold still.
 */
export function* hashFile(
  path: string,
  stats: BigIntStats,
  memo?: DigestMemo,
): SlicedWork<FileSnapshot> {
  const remembered = memo?.lookup(stats);
  if (remembered !== undefined) return snapshot(stats, remembered);
  let before = stats;
  for (let attempt = 0; attempt < 3; attempt++) {
    const digest = yield* hashOnce(path, before);
    if (digest !== undefined) {
      memo?.remember(before, digest);
      return snapshot(before, digest);
    }
    try {
      before = lstatSync(path, { bigint: true });
    } catch (error) {
      throw new FileChangedError(path, { cause: error });
    }
    if (!before.isFile()) break;
  }
  throw new FileChangedError(path);
}

function snapshot(stats: BigIntStats, digest: Digest): FileSnapshot {
  return { digest, size: Number(stats.size), executable: (stats.mode & 0o100n) !== 0n };
}

/** The digest of what `before` describes, or nothing when the file is another one by the end. */
function* hashOnce(path: string, before: BigIntStats): SlicedWork<Digest | undefined> {
  let descriptor: number;
  try {
    descriptor = openSync(path, openWithoutFollowing);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ELOOP") return undefined;
    throw fileSystemError(path, error);
  }
  try {
    let read = readSync(descriptor, buffer);
    let hex: string;
    if (read < buffer.length && BigInt(read) === before.size) {
      hex = hash("sha256", buffer.subarray(0, read), "hex");
    } else {
      const running = createHash("sha256");
      // No further than the file was long: one that something writes to all the time has no end.
      for (let left = before.size; read > 0 && left >= 0n; read = readSync(descriptor, buffer)) {
        running.update(buffer.subarray(0, read));
        left -= BigInt(read);
        yield;
      }
      hex = running.digest("hex");
    }
    return sameFile(before, fstatSync(descriptor, { bigint: true })) ? `sha256:${hex}` : undefined;
  } catch (error) {
    throw fileSystemError(path, error);
  } finally {
    closeSync(descriptor);
  }
}

function sameFile(a: FileStats, b: FileStats): boolean {
  return (
    a.ino === b.ino &&
    a.dev === b.dev &&
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs
  );
}
