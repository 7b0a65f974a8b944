/** A wheel on this machine, its hash checked. */
export interface FetchedWheel {
  /** In the store; for a `file:` wheel, where it lies. */
  readonly path: string;
  /** Length in bytes. */
  readonly size: number;
}
