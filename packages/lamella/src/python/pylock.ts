import { parse as parseToml, stringify, TomlError } from "smol-toml";
import * as z from "zod/mini";
import { isDistributionName, normalizeName } from "./distribution-name.ts";
import { invalidLock, type LockSource } from "./lock/invalid-lock.ts";
import { parseLockTable } from "./lock/lock-table.ts";
import type { KeyPath } from "./lock/toml-line.ts";

/** One file of a package (PEP 751, `packages.wheels` and `packages.archive`). */
export interface PylockFile {
  readonly name?: string;
  /** Exactly one of `url` and `path` is there. */
  readonly url?: string;
  /** Relative to the folder of the lock, or absolute. */
  readonly path?: string;
  /** Length in bytes. */
  readonly size?: number;
  /** Lower-case hex by algorithm; `sha256` is always there in what Lamella writes. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** One row (PEP 751, `packages`). What it says of a folder or a repository is not looked at here. */
export interface PylockPackage {
  /** Normalized. */
  readonly name: string;
  readonly version?: string;
  readonly marker?: string;
  readonly wheels: readonly PylockFile[];
  readonly archive?: PylockFile;
  readonly sdist?: PylockFile;
  readonly vcs?: unknown;
  readonly directory?: unknown;
  /** `packages.tool.lamella`. */
  readonly lamella?: unknown;
}

/** A file `pylock.toml` or `pylock.NAME.toml`. */
export interface Pylock {
  readonly requiresPython?: string;
  /** Markers of the environments that the lock is for. */
  readonly environments: readonly string[];
  readonly packages: readonly PylockPackage[];
  /** The table `[tool.lamella]`; unknown to this file. */
  readonly lamella?: unknown;
}

/** The part of PEP 751's version 1 that we understand; another major version is refused. */
const lockVersion = "1.0";

/** Longest lock that is read, in characters; eight platforms of a thousand packages are a tenth of it. */
const maximumLength = 16 * 1024 * 1024;

const hashes = z.record(
  z.string().check(z.regex(/^[a-z0-9_]{1,20}$/)),
  z.string().check(z.regex(/^[0-9a-fA-F]{1,256}$/)),
);

const file = z.object({
  name: z.optional(z.string()),
  url: z.optional(z.string()),
  path: z.optional(z.string()),
  size: z.optional(z.int().check(z.nonnegative())),
  hashes,
});

const document = z.object({
  "lock-version": z.string(),
  "requires-python": z.optional(z.string()),
  environments: z.optional(z.array(z.string())),
  packages: z.optional(
    z.array(
      z.object({
        name: z.string().check(z.refine(isDistributionName)),
        version: z.optional(z.string().check(z.regex(/^[A-Za-z0-9_.!+-]{1,200}$/))),
        marker: z.optional(z.string()),
        wheels: z.optional(z.array(file)),
        archive: z.optional(file),
        sdist: z.optional(file),
        vcs: z.optional(z.unknown()),
        directory: z.optional(z.unknown()),
        tool: z.optional(z.object({ lamella: z.optional(z.unknown()) })),
      }),
    ),
  ),
  tool: z.optional(z.object({ lamella: z.optional(z.unknown()) })),
});

/** Parses a lock of any writer (PEP 751). Raises InvalidLockError, which says what is wrong, and in which line. */
export function parsePylock(source: LockSource): Pylock {
  if (source.text.length > maximumLength) throw invalidLock(source, "it is too long");
  const lock = parseLockTable(document, parseText(source), source);
  if (!/^1\.\d+$/.test(lock["lock-version"])) {
    const version = JSON.stringify(lock["lock-version"].slice(0, 20));
    throw invalidLock(source, `it has the format version ${version}, not ${lockVersion}`, {
      at: ["lock-version"],
    });
  }
  return {
    ...(lock["requires-python"] !== undefined && { requiresPython: lock["requires-python"] }),
    environments: lock.environments ?? [],
    packages: (lock.packages ?? []).map((row, index) => ({
      name: normalizeName(row.name),
      ...(row.version !== undefined && { version: row.version }),
      ...(row.marker !== undefined && { marker: row.marker }),
      wheels: (row.wheels ?? []).map((wheel, at) =>
        toPylockFile(wheel, `a wheel of ${row.name}`, ["packages", index, "wheels", at], source),
      ),
      ...(row.archive && {
        archive: toPylockFile(
          row.archive,
          `the archive of ${row.name}`,
          ["packages", index, "archive"],
          source,
        ),
      }),
      ...(row.sdist && {
        sdist: toPylockFile(
          row.sdist,
          `the source of ${row.name}`,
          ["packages", index, "sdist"],
          source,
        ),
      }),
      ...(row.vcs !== undefined && { vcs: row.vcs }),
      ...(row.directory !== undefined && { directory: row.directory }),
      ...(row.tool?.lamella !== undefined && { lamella: row.tool.lamella }),
    })),
    ...(lock.tool?.lamella !== undefined && { lamella: lock.tool.lamella }),
  };
}

function parseText(source: LockSource): unknown {
  try {
    return parseToml(source.text);
  } catch (error) {
    const [message] = (error as Error).message.split("\n", 1);
    const line = error instanceof TomlError ? { line: error.line } : {};
    throw invalidLock(source, `it is no TOML (${message})`, { ...line, cause: error });
  }
}

function toPylockFile(
  { name, url, path, size, hashes: given }: z.infer<typeof file>,
  what: string,
  at: KeyPath,
  source: LockSource,
): PylockFile {
  if ((url === undefined) === (path === undefined)) {
    throw invalidLock(source, `${what} has not exactly one of url and path`, { at });
  }
  return {
    ...(name !== undefined && { name }),
    ...(url !== undefined && { url }),
    ...(path !== undefined && { path }),
    ...(size !== undefined && { size }),
    hashes: Object.fromEntries(
      Object.entries(given).map(([algorithm, hex]) => [algorithm, hex.toLowerCase()]),
    ),
  };
}

/** Writes a lock. The same value gives the same text: nothing of time or machine is added. */
export function formatPylock(lock: Pylock): string {
  const toml = {
    "lock-version": lockVersion,
    ...(lock.environments.length > 0 && { environments: lock.environments }),
    ...(lock.requiresPython !== undefined && { "requires-python": lock.requiresPython }),
    "created-by": "lamella",
    packages: lock.packages.map((row) => ({
      name: row.name,
      ...(row.version !== undefined && { version: row.version }),
      ...(row.marker !== undefined && { marker: row.marker }),
      ...(row.vcs !== undefined && { vcs: row.vcs }),
      ...(row.directory !== undefined && { directory: row.directory }),
      ...(row.archive && { archive: row.archive }),
      ...(row.sdist && { sdist: row.sdist }),
      ...(row.wheels.length > 0 && { wheels: row.wheels }),
      ...(row.lamella !== undefined && { tool: { lamella: row.lamella } }),
    })),
    ...(lock.lamella !== undefined && { tool: { lamella: lock.lamella } }),
  };
  return `${stringify(toml).trimEnd()}\n`;
}
