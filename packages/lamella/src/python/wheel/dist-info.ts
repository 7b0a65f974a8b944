import { eq, parse } from "@renovatebot/pep440";
import { normalizeName } from "../distribution-name.ts";
import { MismatchedWheelError, UnsupportedWheelError } from "../wheel-error.ts";
import type { WheelFilename } from "../wheel-filename.ts";
import type { ZipArchive, ZipEntry } from "../zip.ts";
import { type EntryPoints, parseEntryPoints } from "./entry-points.ts";
import { parseHeaders } from "./headers.ts";
import { parseRecord, type RecordRow } from "./record.ts";

const suffix = ".dist-info";

/** Bounds, in bytes, of the metadata files that are held in memory; real ones stay far below. */
const largestMetadata = 16 * 1024 * 1024;
const largestRecord = 64 * 1024 * 1024;

/** What a wheel's `.dist-info` folder says, as far as an installer needs it. */
export interface DistInfo {
  /** What the names of the `.dist-info` and `.data` folders begin with, for example `Foo_Bar-1.0`. */
  readonly prefix: string;
  /** Normalized name of the distribution. */
  readonly name: string;
  readonly entryPoints: EntryPoints;
  /** Rows of `RECORD` as the wheel has it. */
  readonly record: readonly RecordRow[];
}

/**
 * Reads and checks the `.dist-info` folder. `filename` is what the wheel is called, where that is known: it must be of the
 * same package and version. Raises InvalidWheelError, UnsupportedWheelError, MismatchedWheelError.
 */
export function readDistInfo(archive: ZipArchive, filename?: WheelFilename): DistInfo {
  const prefix = findPrefix(archive);
  const files = new Map<string, ZipEntry>();
  const folder = `${prefix}${suffix}/`;
  for (const entry of archive.entries) {
    if (entry.kind === "file" && entry.name.startsWith(folder)) {
      files.set(entry.name.slice(folder.length), entry);
    }
  }
  const read = (name: string, largest = largestMetadata): string => {
    const entry = files.get(name);
    if (!entry) throw archive.invalid(`it has no ${folder}${name}`);
    return archive.bytes(entry, largest).toString("utf8");
  };

  checkWheelVersion(read("WHEEL"), archive);
  const name = checkMetadata(read("METADATA"), prefix, archive, filename);
  return {
    prefix,
    name,
    entryPoints: parseEntryPoints(files.has("entry_points.txt") ? read("entry_points.txt") : "", {
      invalid: (why) => archive.invalid(`its entry_points.txt ${why}`),
    }),
    record: parseRecord(read("RECORD", largestRecord), {
      invalid: (why) => archive.invalid(`its RECORD ${why}`),
    }),
  };
}

function findPrefix(archive: ZipArchive): string {
  const prefixes = new Set<string>();
  for (const { name, kind } of archive.entries) {
    const end = name.indexOf("/");
    const top = end < 0 ? name : name.slice(0, end);
    if (top.endsWith(suffix) && (end >= 0 || kind === "directory")) {
      prefixes.add(top.slice(0, -suffix.length));
    }
  }
  const [prefix, another] = prefixes;
  if (prefix === undefined) throw archive.invalid("it has no .dist-info folder");
  if (another !== undefined) {
    throw archive.invalid(
      `it has several .dist-info folders: ${[...prefixes].slice(0, 5).join(", ")}`,
    );
  }
  return prefix;
}

/** "Check that installer is compatible with Wheel-Version" (binary distribution format, "Installing a wheel"). */
function checkWheelVersion(text: string, archive: ZipArchive): void {
  // Some wheels repeat the field; the first counts, as for pip and uv.
  const version = parseHeaders(text).get("wheel-version")?.[0];
  const major = version === undefined ? undefined : /^(\d+)\.\d+$/.exec(version)?.[1];
  if (major === undefined) throw archive.invalid("its WHEEL file has no Wheel-Version");
  // 0.1 is older than the standard and means the same.
  if (major !== "1" && version !== "0.1") {
    throw new UnsupportedWheelError(
      `The wheel ${archive.label} has the format's version ${version}; version 1 is known.`,
      "Update Lamella, or choose another release of the package.",
    );
  }
}

/** Returns the normalized name. Root-Is-Purelib needs no look: in a venv both kinds of package share one folder. */
function checkMetadata(
  text: string,
  prefix: string,
  archive: ZipArchive,
  filename: WheelFilename | undefined,
): string {
  const fields = parseHeaders(text);
  const name = fields.get("name")?.[0];
  const version = fields.get("version")?.[0];
  if (!name || !version) throw archive.invalid("its METADATA has no name or no version");
  const normalized = normalizeName(name);
  if (!normalizeName(prefix).startsWith(`${normalized}-`)) {
    throw archive.invalid(`its .dist-info folder is of ${prefix}, and its METADATA of ${name}`);
  }
  if (filename && (filename.name !== normalized || !isVersion(version, filename.version))) {
    throw new MismatchedWheelError(
      `The wheel ${filename.filename} holds ${name} ${version}.`,
      "It was renamed, or its index serves another file than it says: fetch the wheel that you want.",
    );
  }
  return normalized;
}

/** Whether a version in METADATA is the file name's; the file name may add a local version, and write `+` as `_`. */
function isVersion(version: string, named: string): boolean {
  if (version === named) return true;
  const full = named.replace("_", "+").replaceAll("_", ".");
  const [publicPart = full] = full.split("+");
  const valid = [version, full, publicPart].every((text) => parse(text) !== null);
  return valid && (eq(version, full) || eq(version, publicPart));
}
