import { basename } from "node:path";
import { crc32 } from "node:zlib";
import { compareByteOrder } from "../files/byte-order.ts";
import type { Directory, FileContent, FileEntry } from "../files/entry.ts";
import type { InstallTarget } from "./install-target.ts";
import { readDistInfo } from "./wheel/dist-info.ts";
import { type Installation, type InstalledFile, planInstallation } from "./wheel/installation.ts";
import { parseWheelFilename } from "./wheel-filename.ts";
import { ZipArchive, type ZipEntry } from "./zip.ts";

export interface WheelOptions {
  /** The content of `direct_url.json` (PEP 610), for a wheel that a requirement named by a URL or path of its own. */
  readonly directUrl?: object;
  /**
   * The wheel's file name, where `path` does not end in it. The wheel must be of the package and version that it says. A
   * wheel that is known by neither is not held to a name.
   */
  readonly filename?: string;
}

/** A wheel that is open, and what installing it gives. */
export interface OpenWheel extends Installation, Disposable {
  readonly archive: ZipArchive;
}

/**
 * Opens the wheel at `path` and decides what it installs where. Raises InvalidWheelError, UnsupportedWheelError,
 * MismatchedWheelError, or the error of the filesystem.
 */
export async function openWheel(
  path: string,
  target: InstallTarget,
  { directUrl, filename = wheelName(path) }: WheelOptions = {},
): Promise<OpenWheel> {
  const archive = ZipArchive.open(path, filename ?? basename(path));
  try {
    const named = filename === undefined ? undefined : parseWheelFilename(filename);
    const distInfo = readDistInfo(archive, named);
    const installation = await planInstallation(archive, distInfo, target, directUrl);
    return { ...installation, archive, [Symbol.dispose]: () => archive[Symbol.dispose]() };
  } catch (error) {
    archive[Symbol.dispose]();
    throw error;
  }
}

/**
 * The files of an installed wheel, file for file as uv installs it into the same prefix (but for `INSTALLER`): a function
 * of wheel, target and direct URL alone. Every directory comes once, root's and 0755, and directly before what it holds;
 * names are in the byte order of UTF-8. That is nearly the order of real wheels, so reading stays sequential, and a wheel
 * that was zipped in another order gives the same layer.
 *
 * Large contents stream from the file at `path`, which must stay until they are read.
 */
export async function* wheelEntries(
  path: string,
  target: InstallTarget & WheelOptions,
): AsyncGenerator<FileEntry, void, void> {
  using wheel = await openWheel(path, target, target);
  const placed = placements(wheel, target.physicalPrefix);
  const read = wheel.archive.contents(
    placed.flatMap(({ file }) => (file && isZipEntry(file.content) ? [file.content] : [])),
  );
  for (const { path: entryPath, file } of placed) {
    if (!file) {
      yield directory(entryPath);
      continue;
    }
    const { content, executable } = file;
    yield {
      kind: "file",
      path: entryPath,
      mode: executable ? 0o755 : 0o644,
      content: isZipEntry(content)
        ? (read.next().value as FileContent)
        : { encoding: "identity", size: content.length, data: content },
    };
  }
}

/** A path that a wheel installs. */
export interface InstalledPath {
  /** As the entry of {@link wheelEntries} has it. */
  readonly path: string;
  /** Equal for two files exactly if their content (by size and CRC-32) and mode are. */
  readonly content: string;
}

/** The files that {@link wheelEntries} gives, without reading their contents: to find those that two wheels install. */
export async function installedPaths(
  path: string,
  target: InstallTarget & WheelOptions,
): Promise<InstalledPath[]> {
  using wheel = await openWheel(path, target, target);
  return Array.from(wheel.files, ([installed, { content, executable }]) => {
    const { size, crc } = isZipEntry(content)
      ? { size: content.size, crc: content.crc32 }
      : { size: content.length, crc: crc32(content) };
    return {
      path: `${target.physicalPrefix}/${installed}`,
      content: `${crc.toString(16)}-${size}${executable ? "-x" : ""}`,
    };
  });
}

interface Placement {
  readonly path: string;
  /** Absent for a directory. */
  readonly file?: InstalledFile;
}

/** Directories and files in the order of entries. */
function placements({ files, directories }: Installation, physicalPrefix: string): Placement[] {
  const paths = new Set<string>(directories);
  for (const path of [...files.keys(), ...directories]) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const parent = path.slice(0, end);
      if (paths.has(parent)) break;
      paths.add(parent);
    }
  }
  const below = [...paths, ...files.keys()]
    // With the lowest character for "/" a directory's content follows it directly: a, a/b, a-b.
    .map((path) => ({ path, key: path.replaceAll("/", "\0") }))
    .sort((a, b) => compareByteOrder(a.key, b.key))
    .map(({ path }): Placement => {
      const file = files.get(path);
      const placed = `${physicalPrefix}/${path}`;
      return file ? { path: placed, file } : { path: placed };
    });
  return [...parentsAndSelf(physicalPrefix), ...below];
}

function parentsAndSelf(path: string): Placement[] {
  const segments = path.split("/");
  return segments.map((_, index) => ({ path: segments.slice(0, index + 1).join("/") }));
}

function directory(path: string): Directory {
  return { kind: "directory", path, mode: 0o755 };
}

function isZipEntry(content: ZipEntry | Uint8Array): content is ZipEntry {
  return !(content instanceof Uint8Array);
}

function wheelName(path: string): string | undefined {
  const name = basename(path);
  return name.endsWith(".whl") ? name : undefined;
}
