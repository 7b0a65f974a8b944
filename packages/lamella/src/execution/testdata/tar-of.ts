import { paddingOf } from "../../oci/tar-header.ts";
import { type ExtractionHeader, encodeExtractionHeader } from "../overlay-tar.ts";

/** An entry of a tar made for a test: a path, and what differs from root's file with mode 0644. */
export type TestEntry = Partial<ExtractionHeader> & {
  readonly path: string;
  readonly text?: string;
  /** Instead of `text`. */
  readonly bytes?: Uint8Array;
};

/** The tar of a layer, with whatever in it. */
export function tarOf(entries: readonly TestEntry[]): Buffer {
  return Buffer.concat([
    ...entries.flatMap(({ text = "", bytes = Buffer.from(text), ...entry }) => [
      encodeExtractionHeader({
        kind: "file",
        mode: entry.kind === "directory" ? 0o755 : 0o644,
        uid: 0,
        gid: 0,
        mtime: 1_000_000_000,
        size: bytes.length,
        ...entry,
      }),
      bytes,
      Buffer.alloc(paddingOf(bytes.length)),
    ]),
    Buffer.alloc(1024),
  ]);
}
