import { decodeName, type TarBlock } from "./tar-block.ts";
import type { TarEntry } from "./tar-entry.ts";
import { paxInteger, paxTime, paxValue, type TarExtension, xattrsOf } from "./tar-extension.ts";
import { normalizeTarPath } from "./tar-path.ts";
import { aufsPrefix, opaqueMarker, whiteoutPrefix } from "./whiteout.ts";

/** Length of the content in bytes. Links, directories and devices have none, whatever their header says. */
export function bodySize(header: TarBlock, extension: TarExtension): number {
  const size = paxInteger(extension, "size") ?? header.size;
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new RangeError("a size that is none");
  }
  return /[1-6]/.test(header.flag) || isOldDirectory(header, extension) ? 0 : size;
}

function rawName(header: TarBlock, extension: TarExtension): Uint8Array {
  return paxValue(extension, "path") ?? extension.longName ?? header.name;
}

// Before ustar a directory was a file whose name ends in a slash.
function isOldDirectory(header: TarBlock, extension: TarExtension): boolean {
  return header.flag === "0" && rawName(header, extension).at(-1) === 0x2f;
}

/** Puts headers together to an entry; undefined for what is to be passed over. Throws a RangeError. */
export function decodeEntry(
  header: TarBlock,
  extension: TarExtension,
  content: AsyncIterable<Uint8Array>,
): TarEntry | undefined {
  for (const key of extension.pax.keys()) {
    if (key.startsWith("GNU.sparse.")) {
      throw new RangeError("a sparse file");
    }
  }
  const path = normalizeTarPath(decodeName(rawName(header, extension)));
  const base = {
    path,
    mode: header.mode & 0o7777,
    uid: owner(paxInteger(extension, "uid") ?? header.uid),
    gid: owner(paxInteger(extension, "gid") ?? header.gid),
    mtime: paxTime(extension) ?? header.mtime,
    xattrs: xattrsOf(extension),
  };
  if (
    path.split("/").some((segment) => segment.startsWith(aufsPrefix) && segment !== opaqueMarker)
  ) {
    return undefined;
  }
  const { directory, name } = splitName(path);
  if (name === opaqueMarker) {
    return { ...base, kind: "opaque", path: directory };
  }
  if (name.startsWith(whiteoutPrefix)) {
    const removed = name.slice(whiteoutPrefix.length);
    if (removed === "" || removed === "." || removed === "..") {
      throw new RangeError("a whiteout of nothing");
    }
    return {
      ...base,
      kind: "whiteout",
      path: directory === "" ? removed : `${directory}/${removed}`,
    };
  }
  const linkName = (): string =>
    decodeName(paxValue(extension, "linkpath") ?? extension.longLink ?? header.linkName);
  const device = { major: header.deviceMajor, minor: header.deviceMinor };
  const kind = isOldDirectory(header, extension) ? "5" : header.flag;
  if (path === "" && kind !== "5") {
    throw new RangeError("something that is no directory in place of the root");
  }
  switch (kind) {
    case "0":
    case "7":
      return {
        ...base,
        kind: "file",
        size: bodySize(header, extension),
        content,
      };
    case "1":
      return { ...base, kind: "hardlink", target: normalizeTarPath(linkName()) };
    case "2":
      return { ...base, kind: "symlink", target: linkText(linkName()) };
    case "3":
      return { ...base, kind: "character", device };
    case "4":
      return { ...base, kind: "block", device };
    case "5":
      return { ...base, kind: "directory" };
    case "6":
      return { ...base, kind: "fifo" };
    default:
      throw new RangeError(
        kind === "S" ? "a sparse file" : `an entry of the unknown type ${JSON.stringify(kind)}`,
      );
  }
}

function splitName(path: string): { readonly directory: string; readonly name: string } {
  const slash = path.lastIndexOf("/");
  return { directory: slash < 0 ? "" : path.slice(0, slash), name: path.slice(slash + 1) };
}

function linkText(text: string): string {
  if (text === "") {
    throw new RangeError("a link to nothing");
  }
  return text;
}

function owner(id: number): number {
  if (!Number.isInteger(id) || id < 0 || id > 0xffff_fffe) {
    throw new RangeError("an owner that is none");
  }
  return id;
}
