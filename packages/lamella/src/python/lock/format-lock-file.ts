import type { Platform } from "../../image/platform.ts";
import type { LockedPackage, UnbuiltPackage, WheelFile } from "../lock.ts";
import { formatPylock, type Pylock, type PylockPackage } from "../pylock.ts";
import type { LockFile } from "./lock-file.ts";
import { environmentMarker, platformsMarker } from "./marker.ts";
import { type ResolutionRecord, recordVersion } from "./resolution-record.ts";
import { sourceToPylock } from "./source-row.ts";
import { wheelToPylock } from "./wheel-row.ts";

/**
 * The file of a lock for one or many platforms (PEP 751). A package that every platform has alike is one row, with the
 * wheel of each platform beside each other; what only some have carries a marker on `platform_machine`. So each
 * installer of the format takes from the one file what its machine needs, and ranking the few wheels of a row again
 * gives the very one that was chosen among all.
 *
 * What was built from source is a row of its source: the sdist, the archive, the repository's commit or the folder. Files
 * and folders of this machine are written relative to `directory`, the folder of the file.
 */
export function formatLockFile(file: LockFile, options: { readonly directory: string }): string {
  return formatPylock(lockFileToPylock(file, options.directory));
}

function lockFileToPylock(file: LockFile, directory: string): Pylock {
  const rows = new Map<
    string,
    {
      entry: LockedPackage | UnbuiltPackage;
      directUrl: string | undefined;
      files: WheelFile[];
      platforms: Platform[];
    }
  >();
  const [first] = file.locks;
  if (first === undefined) throw new RangeError("A lock file needs the lock of a platform.");
  for (const lock of file.locks) {
    if (lock.python !== first.python) throw new RangeError("A lock file is of one Python version.");
    for (const entry of [...lock.packages, ...(lock.unbuilt ?? [])]) {
      const wheel = "wheel" in entry ? entry.wheel : undefined;
      const directUrl = "directUrl" in entry ? entry.directUrl : undefined;
      const from = entry.source ? JSON.stringify(entry.source) : (directUrl ?? "");
      const key = [entry.name, entry.version, entry.call, from].join("\0");
      const row = rows.get(key) ?? { entry, directUrl, files: [], platforms: [] };
      rows.set(key, row);
      row.platforms.push(lock.platform);
      if (wheel && !row.files.some(({ sha256 }) => sha256 === wheel.sha256)) row.files.push(wheel);
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
    packages: packages.map(({ entry, directUrl, files, platforms: on }): PylockPackage => {
      const { name, version, call, source } = entry;
      const common = {
        name,
        version,
        ...(on.length < file.locks.length && { marker: platformsMarker(on) }),
      };
      // The wheel is where it was built, and nowhere else.
      if (source) {
        const lamella = { call, ...(source.kind === "folder" && { tree: source.digest }) };
        return { ...common, wheels: [], ...sourceToPylock(source, directory), lamella };
      }
      const wheels = files.map((wheel) => ({
        // PEP 751 has a name for wheels, and none for archives.
        ...(directUrl === undefined && { name: wheel.filename }),
        ...wheelToPylock(wheel, directory),
      }));
      return {
        ...common,
        ...(directUrl === undefined
          ? { wheels: wheels.sort((a, b) => compare(a.name ?? "", b.name ?? "")) }
          : { wheels: [], archive: wheels[0]! }),
        lamella: { call },
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
