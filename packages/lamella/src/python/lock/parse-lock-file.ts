import path from "node:path";
import * as z from "zod/mini";
import { platforms } from "../../image/platform.ts";
import type { Lock, LockedPackage, WheelFile } from "../lock.ts";
import { type PylockPackage, parsePylock } from "../pylock.ts";
import { InvalidLockError } from "../resolution-error.ts";
import { chooseWheel } from "../tags.ts";
import { parseWheelFilename } from "../wheel-filename.ts";
import type { LockFile } from "./lock-file.ts";
import { markedPlatforms } from "./marker.ts";
import { recordVersion, resolutionRecordSchema } from "./resolution-record.ts";
import { callIndexSchema } from "./schema.ts";
import { wheelFromPylock } from "./wheel-row.ts";

/**
 * Reads back what formatLockFile wrote. `source` is the lock's absolute path: wheels named by a relative path are found
 * from its folder. Raises {@link InvalidLockError} for a lock of another writer, a marker that we do not
 * write, a package twice, and a wheel whose name, hash or address is not in order.
 */
export function parseLockFile(text: string, source: string): LockFile {
  const pylock = parsePylock(text, source);
  const invalid = (why: string, cause?: unknown): InvalidLockError =>
    new InvalidLockError(
      `The lock ${source} cannot be used: ${why}.`,
      "Restore it from version control, or write it anew: lamella lock FILE.",
      { cause },
    );
  const lamella = z.safeParse(z.record(z.string(), z.unknown()), pylock.lamella);
  if (!lamella.success || lamella.data["resolution"] === undefined) {
    throw invalid("it has no table [tool.lamella.resolution], so Lamella did not write it");
  }
  const { resolution, ...extra } = lamella.data;
  const record = z.safeParse(resolutionRecordSchema, resolution);
  if (!record.success) {
    throw invalid(`its table [tool.lamella.resolution] is not of version ${recordVersion}`);
  }
  const locks = platforms.flatMap((platform): Lock[] => {
    const library = record.data.platforms[platform];
    if (library === undefined) return [];
    const target = { python: record.data.python, platform, libc: library };
    const packages: LockedPackage[] = [];
    for (const row of pylock.packages) {
      const on = row.marker === undefined ? platforms : markedPlatforms(row.marker);
      if (on === undefined) throw invalid(`the marker of ${row.name} is none that Lamella writes`);
      if (!on.includes(platform)) continue;
      if (packages.some((other) => other.name === row.name)) {
        throw invalid(`it has ${row.name} twice for ${platform}`);
      }
      const entry = lockedPackage(row, target, source, invalid);
      if (entry.call >= record.data.calls.length) {
        throw invalid(`${row.name} belongs to a call that is not there`);
      }
      packages.push(entry);
    }
    return [{ ...target, packages: packages.sort((a, b) => compare(a.name, b.name)) }];
  });
  return { calls: record.data.calls, locks, extra };
}

type Invalid = (why: string, cause?: unknown) => InvalidLockError;

function lockedPackage(
  row: PylockPackage,
  target: Pick<Lock, "python" | "platform" | "libc">,
  source: string,
  invalid: Invalid,
): LockedPackage {
  const call = z.safeParse(z.object({ call: callIndexSchema }), row.lamella);
  if (!call.success) throw invalid(`${row.name} does not say to which call it belongs`);
  if (row.version === undefined) throw invalid(`${row.name} has no version`);
  const from = path.dirname(source);
  let wheels: WheelFile[];
  try {
    wheels = (row.archive ? [row.archive] : row.wheels).map((file) => wheelFromPylock(file, from));
  } catch (error) {
    throw invalid(`${row.name}: ${(error as Error).message}`, error);
  }
  for (const { filename } of wheels) {
    if (parseWheelFilename(filename).name !== row.name) {
      throw invalid(`${row.name} has the wheel ${filename}, which is of another package`);
    }
  }
  const wheel = chooseWheel(wheels, target);
  if (wheel === undefined) {
    throw invalid(`${row.name} has no wheel for Python ${target.python} on ${target.platform}`);
  }
  return {
    name: row.name,
    version: row.version,
    call: call.data.call,
    wheel,
    ...(row.archive && { directUrl: wheel.url }),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
