import { bytesFile, type FileEntry } from "../../files/entry.ts";
import type { InlineEntry } from "../plan.ts";

/** The file entries that an inline step of a plan holds. */
export function inlineEntries(entries: readonly InlineEntry[]): FileEntry[] {
  return entries.map((entry) => {
    if (entry.kind !== "file") return entry;
    const { path, text, ...attributes } = entry;
    return bytesFile(path, text, attributes);
  });
}

/** The same as plain data. Raises an error for content that is not text in memory: plans hold small texts only. */
export function plannedEntries(entries: Iterable<FileEntry>): InlineEntry[] {
  return Array.from(entries, (entry): InlineEntry => {
    const { uid = 0, gid = 0 } = entry;
    switch (entry.kind) {
      case "whiteout":
        return { kind: "whiteout", path: entry.path };
      case "directory":
      case "symlink":
        return { ...entry, uid, gid };
      case "file": {
        const { path, mode, content } = entry;
        if (content.encoding !== "identity" || !(content.data instanceof Uint8Array)) {
          throw new TypeError(`The content of ${path} is not in memory.`);
        }
        const text = new TextDecoder("utf-8", { fatal: true }).decode(content.data);
        return { kind: "file", path, mode, uid, gid, text };
      }
    }
  });
}
