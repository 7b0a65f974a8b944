import type { Directory, FileContent } from "../files/entry.ts";
import { InvalidEntryError } from "./error.ts";
import type { LayerEntry } from "./layer-entry.ts";
import { opaqueMarker, whiteoutPrefix } from "./whiteout.ts";

// Linux's limits, in bytes: a longer name could be stored but never unpacked.
const longestSegment = 255;
const longestPath = 4095;

// The largest id of a user; 2³² - 1 means "leave it" to chown.
const largestOwner = 0xffff_fffe;

/**
 * Watches the entries of one layer, so that it says only what every reader understands alike: one entry a path, nothing
 * below a path that is no directory, and no path together with its whiteout (Docker and containerd bring the old content
 * of a directory back where a layer holds both; umoci does not).
 */
export class LayerEntries {
  /** What is at each path; `implied` for a parent that has no entry so far. */
  readonly #kinds = new Map<string, LayerEntry["kind"] | "implied">();
  readonly #directories = new Map<string, Directory>();

  /**
   * Checks the next entry. Returns false for a directory that was there with the same mode and owner, which need not be
   * written again (every wheel in a bucket names its parents). Raises {@link InvalidEntryError}.
   */
  admit(entry: LayerEntry): boolean {
    checkEntry(entry);
    if (entry.kind === "opaque") return this.#admitOpaque(entry.path);
    if (entry.kind === "hardlink") this.#checkLinked(entry.path, entry.target);
    const before = this.#kinds.get(entry.path);
    if (before !== undefined && before !== "implied") {
      const directory = this.#directories.get(entry.path);
      if (entry.kind === "directory" && directory !== undefined && sameMode(entry, directory)) {
        return false;
      }
      throw invalid(entry.path, `the layer has it twice, as a ${before} and a ${entry.kind}`);
    }
    if (before === "implied" && entry.kind !== "directory") {
      throw invalid(entry.path, `it is a ${entry.kind}, but the layer has files below it`);
    }
    this.#kinds.set(entry.path, entry.kind);
    if (entry.kind === "directory") {
      this.#directories.set(entry.path, entry);
    }
    this.#checkParents(entry.path);
    return true;
  }

  #admitOpaque(path: string): true {
    const marker = `${path}/${opaqueMarker}`;
    if (this.#kinds.get(path) !== "directory" || this.#kinds.has(marker)) {
      throw invalid(path, "it is emptied twice, or before it is there");
    }
    this.#kinds.set(marker, "opaque");
    return true;
  }

  /** Docker and containerd cannot link to what another layer has, or to a directory. */
  #checkLinked(path: string, target: string): void {
    const kind = this.#kinds.get(target);
    if (kind === undefined || kind === "implied" || kind === "directory" || kind === "whiteout") {
      throw invalid(path, `it is a hard link to ${JSON.stringify(target)}, no file before it`);
    }
  }

  #checkParents(path: string): void {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const parent = path.slice(0, end);
      const seen = this.#kinds.get(parent);
      if (seen === undefined) {
        this.#kinds.set(parent, "implied");
        continue;
      }
      if (seen !== "implied" && seen !== "directory") {
        throw invalid(path, `the layer has a ${seen} at ${JSON.stringify(parent)}`);
      }
      // Whoever put this parent there has looked further up.
      return;
    }
  }
}

function sameMode(a: Directory, b: Directory): boolean {
  return a.mode === b.mode && (a.uid ?? 0) === (b.uid ?? 0) && (a.gid ?? 0) === (b.gid ?? 0);
}

function checkEntry(entry: LayerEntry): void {
  checkPath(entry.path);
  checkInteger(entry.path, "owner", entry.uid ?? 0, largestOwner);
  checkInteger(entry.path, "group", entry.gid ?? 0, largestOwner);
  switch (entry.kind) {
    case "file":
      checkInteger(entry.path, "mode", entry.mode, 0o7777);
      checkContent(entry.path, entry.content);
      break;
    case "character":
    case "block":
      checkInteger(entry.path, "mode", entry.mode, 0o7777);
      // What the octal digits of the fields hold.
      checkInteger(entry.path, "major number", entry.device.major, 0o7777777);
      checkInteger(entry.path, "minor number", entry.device.minor, 0o7777777);
      break;
    case "directory":
    case "hardlink":
    case "fifo":
      checkInteger(entry.path, "mode", entry.mode, 0o7777);
      break;
    case "symlink":
      checkTarget(entry.path, entry.target);
      break;
    case "opaque":
    case "whiteout":
      break;
  }
}

function checkPath(path: string): void {
  if (path === "" || path.includes("\0") || !path.isWellFormed()) {
    throw invalid(path, "it is empty, or has NUL bytes or broken Unicode in it");
  }
  for (const segment of path.split("/")) {
    if (segment === "" || segment === "." || segment === "..") {
      throw invalid(path, "it is not relative to the root and free of '.', '..' and empty names");
    }
    if (segment.startsWith(whiteoutPrefix)) {
      throw invalid(path, `a name that starts with '${whiteoutPrefix}' removes files in a layer`);
    }
    if (isLonger(segment, longestSegment)) {
      throw invalid(path, `a name in it is longer than ${longestSegment} bytes`);
    }
  }
  if (isLonger(path, longestPath)) {
    throw invalid(path, `it is longer than ${longestPath} bytes`);
  }
}

function checkTarget(path: string, target: string): void {
  if (target === "" || target.includes("\0") || !target.isWellFormed()) {
    throw invalid(path, "its link text is empty, or has NUL bytes or broken Unicode in it");
  }
  if (isLonger(target, longestPath)) {
    throw invalid(path, `its link text is longer than ${longestPath} bytes`);
  }
}

function checkContent(path: string, content: FileContent): void {
  checkInteger(path, "size", content.size, Number.MAX_SAFE_INTEGER);
  if (content.encoding === "deflate") {
    checkInteger(path, "compressed size", content.compressedSize, Number.MAX_SAFE_INTEGER);
    checkInteger(path, "CRC-32", content.crc32, 0xffff_ffff);
  }
}

function checkInteger(path: string, what: string, value: number, largest: number): void {
  if (!Number.isInteger(value) || value < 0 || value > largest) {
    throw invalid(path, `its ${what} is ${value}, which is not within 0 and ${largest}`);
  }
}

/** Whether the text has more bytes in UTF-8, counted only where its length leaves a doubt. */
function isLonger(text: string, bytes: number): boolean {
  return text.length > bytes || (text.length * 3 > bytes && Buffer.byteLength(text) > bytes);
}

function invalid(path: string, why: string): InvalidEntryError {
  return new InvalidEntryError(
    `Cannot put ${JSON.stringify(path.slice(0, 300))} into a layer: ${why}.`,
    "Rename or leave out the file.",
  );
}
