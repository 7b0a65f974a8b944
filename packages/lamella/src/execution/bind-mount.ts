/** A file or folder of this machine in a container. */
export interface BindMount {
  /** Absolute path on this machine. */
  readonly source: string;
  /** Absolute path in the container, without links. */
  readonly destination: string;
  readonly writable: boolean;
}
