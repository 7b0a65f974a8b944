/** A place in a file. Lines and columns count from 1, columns in UTF-16 code units. */
export interface FilePosition {
  /** As it is to be shown. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The names that lead to a value, from the outermost: `["image", "registry"]`. */
export type ConfigPath = readonly PropertyKey[];

/** What a file says, whatever its format, and where it says it. */
export interface ConfigDocument {
  /** Mappings, lists and scalars; not yet looked at. */
  readonly data: unknown;
  /** Of the value at a path; of the nearest one around it where there is none. */
  position(path: ConfigPath): FilePosition;
  /** Of a key, which stands in the mapping at a path. */
  keyPosition(path: ConfigPath, key: string): FilePosition;
}
