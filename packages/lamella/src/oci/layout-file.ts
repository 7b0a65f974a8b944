import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { LayoutNotWritableError } from "./error.ts";

/** Before names of our own in a layout: its lock, and files that are being written. */
export const ownPrefix = ".lamella-";

/**
 * Fills a file under a name of our own in the layout and gives it its name when it is whole. If anything fails, it is
 * removed. Raises {@link LayoutNotWritableError} and what `fill` raises.
 */
export async function replaceFile(
  layout: string,
  path: string,
  fill: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = join(layout, ownPrefix + randomUUID());
  try {
    await using file = await namingFaults(layout, () => open(temporary, "wx", 0o644));
    await fill(file);
    await namingFaults(layout, () => rename(temporary, path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Does work on the files of a layout, and gives the faults of a disk a name: {@link LayoutNotWritableError}. */
export async function namingFaults<T>(layout: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const fault = diskFaults[faultCode(error) ?? ""];
    throw fault === undefined
      ? error
      : new LayoutNotWritableError(
          `Cannot write the OCI layout in ${layout}: ${fault}.`,
          "Name a folder that you may write to, on a disk with room for the image.",
          { cause: error },
        );
  }
}

const diskFaults: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the quota is used up",
  EROFS: "the disk is read-only",
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  ENOTDIR: "it is not a folder",
  EEXIST: "it is not a folder",
};

/** The code of a system error; undefined for other errors. */
export function faultCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}
