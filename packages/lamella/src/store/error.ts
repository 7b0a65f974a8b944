import { LamellaError } from "../error.ts";

/** The filesystem (or the quota) that holds the store has no room left. */
export class DiskFullError extends LamellaError {
  readonly code = "store-disk-full";
}

/** The store's folder, or something in it, cannot be created or written by this user. */
export class StoreNotWritableError extends LamellaError {
  readonly code = "store-not-writable";
}

/** A blob's content is not what its digest says. It was removed from the store when this was noticed. */
export class CorruptBlobError extends LamellaError {
  readonly code = "store-blob-corrupt";
}

/** Bytes that were to become the blob of a known digest have another one. Nothing of them is kept. */
export class DigestMismatchError extends LamellaError {
  readonly code = "store-digest-mismatch";
}

/** A blob that is not in the store. */
export class BlobNotFoundError extends LamellaError {
  readonly code = "store-blob-not-found";
}

// SQLite's result codes (sqlite.org/rescode.html) for what errno says with other words.
const sqliteFull = 13;
const sqliteReadOnly = 8;
const sqliteCannotOpen = 14;

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  EROFS: "the disk is read-only",
  ENOTDIR: "something on the way to it is no folder",
  EEXIST: "a file is in its place",
};

/**
 * What to throw for a fault of the filesystem met at `path`: {@link DiskFullError} or {@link StoreNotWritableError}
 * where a person can do something about it, else the error itself.
 */
export function storeFault(error: unknown, path: string): unknown {
  const { code, errcode } = faultCodes(error);
  if (code === "ENOSPC" || code === "EDQUOT" || errcode === sqliteFull) {
    return diskFull(path, error);
  }
  if (
    // ENOENT: the folder is gone, or a recursive mkdir met a read-only filesystem (Node says no better).
    ["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST", "ENOENT"].includes(code) ||
    errcode === sqliteReadOnly ||
    errcode === sqliteCannotOpen
  ) {
    return new StoreNotWritableError(
      `Cannot write to the store at ${path}: ${reasons[code] ?? "it is not there, and cannot be made"}.`,
      "Make the folder writable for this user, or set LAMELLA_HOME to one that is.",
      { cause: error },
    );
  }
  return error;
}

/** The error for a disk that ran full when something was written to `path` in the store. */
export function diskFull(path: string, cause?: unknown): DiskFullError {
  return new DiskFullError(
    `No space left on the disk of ${path}.`,
    "Free some space there, or set LAMELLA_HOME to a folder on a larger disk.",
    cause === undefined ? undefined : { cause },
  );
}

function faultCodes(error: unknown): {
  readonly code: string;
  readonly errcode: number | undefined;
} {
  if (!(error instanceof Error)) return { code: "", errcode: undefined };
  const { code, errcode } = error as { readonly code?: unknown; readonly errcode?: unknown };
  return {
    code: typeof code === "string" ? code : "",
    errcode: typeof errcode === "number" ? errcode : undefined,
  };
}

/** Awaits work on the filesystem below `path`, with its faults translated by {@link storeFault}. */
export async function withStoreFaults<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeFault(error, path);
  }
}

/** Whether an error is that of a path that does not exist. */
export function isNotFound(error: unknown): boolean {
  return faultCodes(error).code === "ENOENT";
}

/** Whether an error is that of something that this user may not do. */
export function isForbidden(error: unknown): boolean {
  return ["EACCES", "EPERM"].includes(faultCodes(error).code);
}
