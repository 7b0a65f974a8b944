/** What a layer's tar has at one path, as the tar reader tells it. All of it comes from outside and is checked. */

interface TarEntryBase {
  /** Relative to the root, without leading or trailing `/`, `.` or `..`. The root itself is `""`. */
  readonly path: string;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970, with a fraction where the tar has one. */
  readonly mtime: number;
  /** Extended attributes by name (PAX `SCHILY.xattr.*`); the values are bytes, not text. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

export interface TarFile extends TarEntryBase {
  readonly kind: "file";
  /** Length in bytes. */
  readonly size: number;
  /**
   * The content, exactly `size` bytes. It can be read once and only before the next entry is asked for; what is not
   * read is passed over.
   */
  readonly content: AsyncIterable<Uint8Array>;
}

export interface TarSymbolicLink extends TarEntryBase {
  readonly kind: "symlink";
  /** The link's text. It may be absolute or lead out of the root: whoever follows it has to keep it inside. */
  readonly target: string;
}

export interface TarHardLink extends TarEntryBase {
  readonly kind: "hardlink";
  /** Path of what is linked to, in the form of `path`. */
  readonly target: string;
}

export interface TarDevice extends TarEntryBase {
  readonly kind: "character" | "block";
  readonly device: { readonly major: number; readonly minor: number };
}

export interface TarPlainEntry extends TarEntryBase {
  /**
   * `whiteout` removes what lower layers have at `path`, which is the removed name itself; `opaque` removes what lower
   * layers have in the directory `path`, and is not that directory (image-spec layer.md, "Whiteouts").
   */
  readonly kind: "directory" | "fifo" | "whiteout" | "opaque";
}

export type TarEntry = TarFile | TarSymbolicLink | TarHardLink | TarDevice | TarPlainEntry;
