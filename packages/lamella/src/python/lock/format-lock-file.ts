import type { Platform } from "../../image/platform.ts";
import type { LockedPackage, WheelFile } from "../lock.ts";
import { formatPylock, type Pylock, type PylockPackage } from "../pylock.ts";
import type { LockFile } from "./lock-file.ts";
import { environmentMarker, platformsMarker } from "./marker.ts";
import { type ResolutionRecord, recordVersion } from "./resolution-record.ts";
import { wheelToPylock } from "./wheel-row.ts";

/**
 * The file of a lock for one or many platforms (PEP 751). A package that every platform has alike is one row, with the
 * wheel of each platform beside each other; what only some have carries a marker on `platform_machine`. So each
 * installer of the format takes from the one file what its machine needs, and ranking the few wheels of a row again
 * gives the very one that was chosen among all.
 *
 * Wheels of this machine's folders are written relative to `directory`, the folder of the file.
 */
export function formatLockFile(file: LockFile, options: { readonly directory: string }): string {
  return formatPylock(lockFileToPylock(file, options.directory));
}

function lockFileToPylock(file: LockFile, directory: string): Pylock {
  const rows = new Map<
    string,
    { entry: LockedPackage; files: WheelFile[]; platforms: Platform[] }
  >();
  const [first] = file.locks;
  if (first === undefined) throw new RangeError("A lock file needs the lock of a platform.");
  for (const lock of file.locks) {
    if (lock.python !== first.python) throw new RangeError("A lock file is of one Python version.");
    for (const entry of lock.packages) {
      const key = [entry.name, entry.version, entry.call, entry.directUrl ?? ""].join("\0");
      const row = rows.get(key) ?? { entry, files: [], platforms: [] };
      rows.set(key, row);
      row.platforms.push(lock.platform);
      if (!row.files.some((wheel) => wheel.sha256 === entry.wheel.sha256))
        row.files.push(entry.wheel);
    }
  }
  // Two direct wheels of one address are one file; of one row they could not be told apart (`archive` is single).
  const packages = [...rows.values()].sort(
    (a, b) =>
      compare(a.entry.name, b.entry.name) || compare(a.platforms.join(), b.platforms.join()),
  );
  return {
    requiresPython: `==${first.python}.*`,
    environments: file.locks.map(environmentMarker),
    packages: packages.map(({ entry, files, platforms: on }): PylockPackage => {
      const wheels = files.map((wheel) => ({
        // PEP 751 has a name for wheels, and none for archives.
        ...(entry.directUrl === undefined && { name: wheel.filename }),
        ...wheelToPylock(wheel, directory),
      }));
      return {
        name: entry.name,
        version: entry.version,
        ...(on.length < file.locks.length && { marker: platformsMarker(on) }),
        ...(entry.directUrl === undefined
          ? { wheels: wheels.sort((a, b) => compare(a.name ?? "", b.name ?? "")) }
          : { wheels: [], archive: wheels[0]! }),
        hasSource: false,
        lamella: { call: entry.call },
      };
    }),
    lamella: {
      ...file.extra,
      resolution: {
        version: recordVersion,
        python: first.python,
        platforms: Object.fromEntries(file.locks.map((lock) => [lock.platform, { ...lock.libc }])),
        calls: file.calls,
      } satisfies ResolutionRecord,
    },
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
