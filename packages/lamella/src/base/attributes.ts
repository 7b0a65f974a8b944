/** Permission bits (with setuid, setgid, sticky) and numeric owner. */
export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What a directory is that nobody described: root's, 0755. */
export const plainDirectory: Attributes = { mode: 0o755, uid: 0, gid: 0 };

export function sameAttributes(a: Attributes, b: Attributes): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}
