import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as z from "zod/mini";
import { type Platform, platforms } from "../image/platform.ts";
import type { Pylock, PylockFile, PylockPackage } from "./pylock.ts";
import { InvalidLockError } from "./resolution-error.ts";
import { type CLibrary, chooseWheel, machineName } from "./tags.ts";
import { parseWheelFilename, wheelFilenameOfUrl } from "./wheel-filename.ts";

/** One wheel, exactly. */
export interface WheelFile {
  /** As PEP 427 has it; the last segment of `url`. */
  readonly filename: string;
  /** `https:`, `http:` or `file:`, with no credentials and no fragment. */
  readonly url: string;
  /** SHA-256 of the file: 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** Length in bytes, where the index said it. */
  readonly size?: number;
}

/** One package that is installed, and why it has its place. */
export interface LockedPackage {
  /** Normalized. */
  readonly name: string;
  readonly version: string;
  /** Index of the first call whose requirements, with all that they depend on, need it. */
  readonly call: number;
  readonly wheel: WheelFile;
  /** The address that was asked for, where the requirement named one (PEP 610); absent for packages of an index. */
  readonly directUrl?: string;
}

/** What is installed for one Python on one platform. */
export interface Lock {
  /** Minor version, `3.11`. */
  readonly python: string;
  readonly platform: Platform;
  readonly libc: CLibrary;
  /** Sorted by name. */
  readonly packages: readonly LockedPackage[];
}

/** What one call asked for, as it is kept in a lock to tell whether the lock still answers it. */
export interface LockedCall {
  /** Lines of PEP 508, hashes appended, sorted. */
  readonly requirements: readonly string[];
  readonly constraints: readonly string[];
  /** Index addresses and other settings of the call, without credentials, sorted. */
  readonly settings: readonly string[];
}

/** The content of one lock file: all platforms of one definition. */
export interface LockFile {
  readonly calls: readonly LockedCall[];
  readonly locks: readonly Lock[];
  /** What others keep under `[tool.lamella]` (base digests, layer order, compiler): plain TOML data. */
  readonly extra: Readonly<Record<string, unknown>>;
}

/** Version of what we write under `[tool.lamella.resolution]`. */
const recordVersion = 1;

const libc = z.object({
  kind: z.enum(["glibc", "musl"]),
  major: z.int().check(z.nonnegative(), z.maximum(99)),
  minor: z.int().check(z.nonnegative(), z.maximum(999)),
});
const python = z.string().check(z.regex(/^3\.\d{1,3}$/));
const hex = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const callIndex = z.int().check(z.nonnegative(), z.maximum(100_000));

const resolutionRecord = z.object({
  version: z.literal(recordVersion),
  python,
  platforms: z
    .partialRecord(z.enum(platforms), libc)
    .check(z.refine((one) => Object.keys(one).length > 0)),
  calls: z.array(
    z.object({
      requirements: z.array(z.string()),
      constraints: z.array(z.string()),
      settings: z.array(z.string()),
    }),
  ),
});

const lockSchema = z.object({
  python,
  platform: z.enum(platforms),
  libc,
  packages: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      call: callIndex,
      wheel: z.object({
        filename: z.string(),
        url: z.string(),
        sha256: hex,
        size: z.optional(z.int().check(z.nonnegative())),
      }),
      directUrl: z.optional(z.string()),
    }),
  ),
});

/** Parses a lock from JSON data, as memos and plans hold it. Throws on what is none. */
export function parseLock(value: unknown): Lock {
  // zod's optional properties admit `undefined`; JSON never holds one.
  return z.parse(lockSchema, value) as Lock;
}

/**
 * The file of a lock for one or many platforms (PEP 751). A package that every platform has alike is one row, with the
 * wheel of each platform beside each other; what only some have carries a marker on `platform_machine`. So each
 * installer of the format takes from the one file what its machine needs, and ranking the few wheels of a row again
 * gives the very one that was chosen among all.
 *
 * Wheels of this machine's folders are written relative to `directory`, the folder of the file.
 */
export function lockFileToPylock(file: LockFile, options: { readonly directory: string }): Pylock {
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
        ...fileToPylock(wheel, options.directory),
      }));
      return {
        name: entry.name,
        version: entry.version,
        ...(on.length < file.locks.length && { marker: on.map(machineMarker).join(" or ") }),
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
      },
    },
  };
}

/**
 * Reads back what {@link lockFileToPylock} made. `source` is the lock's absolute path: wheels named by a relative path
 * are found from its folder. Raises {@link InvalidLockError} for a lock of another writer, a marker that we do not
 * write, a package twice, and a wheel whose name, hash or address is not in order.
 */
export function lockFileFromPylock(pylock: Pylock, source: string): LockFile {
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
  const record = z.safeParse(resolutionRecord, resolution);
  if (!record.success) {
    throw invalid(`its table [tool.lamella.resolution] is not of version ${recordVersion}`);
  }
  const locks = platforms.flatMap((platform): Lock[] => {
    const library = record.data.platforms[platform];
    if (library === undefined) return [];
    const target = { python: record.data.python, platform, libc: library };
    const packages: LockedPackage[] = [];
    for (const row of pylock.packages) {
      if (!appliesTo(row, platform, invalid)) continue;
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
  const call = z.safeParse(z.object({ call: callIndex }), row.lamella);
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

/**
 * A row's file as a wheel. Throws an Error that says what is wrong with it; relative paths start at `directory`.
 */
export function wheelFromPylock(file: PylockFile, directory: string): WheelFile {
  const url =
    file.path === undefined
      ? URL.parse(file.url ?? "")
      : pathToFileURL(path.resolve(directory, file.path));
  if (url === null || !/^(?:https?|file):$/.test(url.protocol)) {
    throw new Error("a wheel's address is no https: or file: URL");
  }
  if (url.username !== "" || url.password !== "") {
    throw new Error("a wheel's address holds a user name or password");
  }
  url.hash = "";
  const filename = wheelFilenameOfUrl(url.href);
  parseWheelFilename(filename);
  if (file.name !== undefined && file.name !== filename) {
    throw new Error(`the wheel ${JSON.stringify(file.name)} has an address with another file name`);
  }
  const sha256 = file.hashes["sha256"];
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new Error(`the wheel ${filename} has no SHA-256 hash`);
  }
  return {
    filename,
    url: url.href,
    sha256,
    ...(file.size !== undefined && { size: file.size }),
  };
}

function fileToPylock(wheel: WheelFile, directory: string): PylockFile {
  const isLocal = wheel.url.startsWith("file:");
  return {
    ...(isLocal ? { path: relativePath(directory, fileURLToPath(wheel.url)) } : { url: wheel.url }),
    ...(wheel.size !== undefined && { size: wheel.size }),
    hashes: { sha256: wheel.sha256 },
  };
}

/** With `/` between segments on every system, so that a lock can be carried from one to another. */
function relativePath(from: string, to: string): string {
  return path.relative(from, to).split(path.sep).join("/");
}

function machineMarker(platform: Platform): string {
  return `platform_machine == '${machineName(platform)}'`;
}

function environmentMarker(lock: Lock): string {
  return `sys_platform == 'linux' and ${machineMarker(lock.platform)} and implementation_name == 'cpython' and python_version == '${lock.python}'`;
}

/** Judges the markers that we write, and no others: judging markers in general is the resolver's job. */
function appliesTo(row: PylockPackage, platform: Platform, invalid: Invalid): boolean {
  if (row.marker === undefined) return true;
  const clauses = row.marker.split(" or ");
  const known = new Set(platforms.map(machineMarker));
  if (!clauses.every((clause) => known.has(clause))) {
    throw invalid(`the marker of ${row.name} is none that Lamella writes`);
  }
  return clauses.includes(machineMarker(platform));
}

/**
 * Why a lock file no longer answers what a definition asks for, one sentence a reason; empty when it does.
 * What `--locked` refuses, it refuses with these.
 */
export function staleReasons(
  file: LockFile,
  wanted: {
    readonly python: string;
    readonly targets: readonly Pick<Lock, "platform" | "libc">[];
    readonly calls: readonly LockedCall[];
  },
): string[] {
  const reasons: string[] = [];
  for (const { platform, libc: library } of wanted.targets) {
    const lock = file.locks.find((one) => one.platform === platform);
    if (lock === undefined) {
      reasons.push(`It has no packages for ${platform}.`);
      continue;
    }
    if (lock.python !== wanted.python) {
      reasons.push(`It is for Python ${lock.python}, not ${wanted.python}.`);
    }
    const [is, was] = [library, lock.libc].map((one) => `${one.kind} ${one.major}.${one.minor}`);
    if (is !== was) reasons.push(`It is for a base with ${was}, not ${is}, on ${platform}.`);
  }
  if (file.calls.length !== wanted.calls.length) {
    reasons.push(
      `It was made for ${file.calls.length} lists of packages, not ${wanted.calls.length}.`,
    );
  }
  for (const [index, call] of wanted.calls.entries()) {
    const before = file.calls[index];
    if (before === undefined) continue;
    for (const part of ["requirements", "constraints", "settings"] as const) {
      const added = call[part].filter((line) => !before[part].includes(line));
      const removed = before[part].filter((line) => !call[part].includes(line));
      if (added.length > 0) reasons.push(`It does not know: ${added.join(", ")}.`);
      if (removed.length > 0) reasons.push(`It still has: ${removed.join(", ")}.`);
    }
  }
  return [...new Set(reasons)];
}

/** Packages that two platforms have in different versions, for telling the user. */
export function differingVersions(
  a: Lock,
  b: Lock,
): { readonly name: string; readonly versions: readonly [string, string] }[] {
  const versions = new Map(a.packages.map((entry) => [entry.name, entry.version]));
  return b.packages.flatMap((entry) => {
    const other = versions.get(entry.name);
    return other === undefined || other === entry.version
      ? []
      : [{ name: entry.name, versions: [other, entry.version] as const }];
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
