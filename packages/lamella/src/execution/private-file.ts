import { paddingOf } from "../oci/tar-header.ts";
import { encodeExtractionHeader } from "./overlay-tar.ts";

/** A file that a container and its runtime need and that no disk may see: it is in memory, and ends with them. */
export interface PrivateFile {
  /** Relative to the folder of these files, without `.` or `..`. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The files as a tar, for GNU tar to extract; it creates the folders. */
export function privateFilesTar(files: readonly PrivateFile[]): Uint8Array {
  const entries = files.flatMap(({ bytes, ...file }) => [
    encodeExtractionHeader({ ...file, kind: "file", mtime: 0, size: bytes.length }),
    bytes,
    new Uint8Array(paddingOf(bytes.length)),
  ]);
  // Two blocks of zeros end a tar.
  return Buffer.concat([...entries, new Uint8Array(1024)]);
}
