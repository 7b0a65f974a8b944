import path from "node:path";
import * as z from "zod/mini";
import { platforms } from "../../image/platform.ts";
import type { Lock, LockedPackage, UnbuiltPackage, WheelFile } from "../lock.ts";
import { type PylockPackage, parsePylock } from "../pylock.ts";
import { chooseWheel } from "../tags.ts";
import { parseWheelFilename } from "../wheel-filename.ts";
import { invalidLock, type LockSource } from "./invalid-lock.ts";
import type { LockFile } from "./lock-file.ts";
import { parseLockTable } from "./lock-table.ts";
import { markedPlatforms } from "./marker.ts";
import {
  type ResolutionRecord,
  recordVersion,
  resolutionRecordSchema,
} from "./resolution-record.ts";
import { callIndexSchema } from "./schema.ts";
import { exactSource } from "./source-row.ts";
import type { KeyPath } from "./toml-line.ts";
import { wheelFromPylock } from "./wheel-row.ts";

const lamellaTable: z.ZodMiniType<Record<string, unknown>> = z.record(z.string(), z.unknown());
const rowTable = z.object({ call: callIndexSchema });

/**
 * Reads back what formatLockFile wrote. Raises InvalidLockError for a lock of another writer, a marker that we do not
 * write, a package twice, and a wheel whose name, hash or address is not in order.
 */
export function parseLockFile(source: LockSource): LockFile {
  const pylock = parsePylock(source);
  const lamella = lamellaTable.safeParse(pylock.lamella);
  if (!lamella.success || lamella.data["resolution"] === undefined) {
    const why = "it has no table [tool.lamella.resolution], so Lamella did not write it";
    throw invalidLock(source, why);
  }
  const { resolution, ...extra } = lamella.data;
  const record = parseRecord(resolution, source);
  const locks = platforms.flatMap((platform): Lock[] => {
    const libc = record.platforms[platform];
    if (libc === undefined) return [];
    const target = { python: record.python, platform, libc };
    const packages: LockedPackage[] = [];
    const unbuilt: UnbuiltPackage[] = [];
    for (const [index, row] of pylock.packages.entries()) {
      const at = ["packages", index];
      const on = row.marker === undefined ? platforms : markedPlatforms(row.marker);
      if (on === undefined) {
        const why = `the marker of ${row.name} is none that Lamella writes`;
        throw invalidLock(source, why, { at: [...at, "marker"] });
      }
      if (!on.includes(platform)) continue;
      if ([...packages, ...unbuilt].some((other) => other.name === row.name)) {
        throw invalidLock(source, `it has ${row.name} twice for ${platform}`, { at });
      }
      const entry = lockedPackage(row, target, source, at);
      if (entry.call >= record.calls.length) {
        const why = `${row.name} belongs to a call that is not there`;
        throw invalidLock(source, why, { at: [...at, "tool", "lamella", "call"] });
      }
      if ("wheel" in entry) packages.push(entry);
      else unbuilt.push(entry);
    }
    packages.sort((a, b) => compare(a.name, b.name));
    return [{ ...target, packages, ...(unbuilt.length > 0 && { unbuilt }) }];
  });
  return { calls: record.calls, locks, extra };
}

function parseRecord(resolution: unknown, source: LockSource): ResolutionRecord {
  const at = ["tool", "lamella", "resolution"];
  const { version } = (resolution ?? {}) as { readonly version?: unknown };
  if (typeof version === "number" && version > recordVersion) {
    throw invalidLock(
      source,
      `a newer Lamella wrote it (its table [tool.lamella.resolution] has version ${version}, and this one reads ${recordVersion})`,
      {
        at: [...at, "version"],
        hint: "Update Lamella, or remove the lock and write it anew: lamella lock FILE.",
      },
    );
  }
  return parseLockTable(resolutionRecordSchema, resolution, source, at);
}

function lockedPackage(
  row: PylockPackage,
  target: Pick<Lock, "python" | "platform" | "libc">,
  source: LockSource,
  at: KeyPath,
): LockedPackage | UnbuiltPackage {
  const { call } = parseLockTable(rowTable, row.lamella, source, [...at, "tool", "lamella"]);
  if (row.version === undefined) throw invalidLock(source, `${row.name} has no version`, { at });
  const from = path.dirname(source.path);
  const unbuilt = rowSource(row, from, source, at);
  if (unbuilt) return { name: row.name, version: row.version, call, source: unbuilt };
  const wheels = (row.archive ? [row.archive] : row.wheels).map((file, index): WheelFile => {
    const place = row.archive ? [...at, "archive"] : [...at, "wheels", index];
    try {
      const wheel = wheelFromPylock(file, from);
      if (parseWheelFilename(wheel.filename).name === row.name) return wheel;
      throw new Error(`the wheel ${wheel.filename} is of another package`);
    } catch (error) {
      const why = `${row.name}: ${(error as Error).message}`;
      throw invalidLock(source, why, { at: place, cause: error });
    }
  });
  const wheel = chooseWheel(wheels, target);
  if (wheel === undefined) {
    const why = `${row.name} has no wheel for Python ${target.python} on ${target.platform}`;
    throw invalidLock(source, why, { at });
  }
  return {
    name: row.name,
    version: row.version,
    call,
    wheel,
    ...(row.archive && { directUrl: wheel.url }),
  };
}

function rowSource(
  row: PylockPackage,
  from: string,
  source: LockSource,
  at: KeyPath,
): UnbuiltPackage["source"] | undefined {
  try {
    return exactSource(row, from);
  } catch (error) {
    throw invalidLock(source, `${row.name}: ${(error as Error).message}`, { at, cause: error });
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
