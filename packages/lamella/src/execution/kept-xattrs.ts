/**
 * The extended attributes that are part of an image, of those that a file has. `trusted.overlay.*` and `user.overlay.*`
 * are overlayfs's own (a `redirect` would lead it elsewhere), what security modules keep is the host's business, and a
 * name with `=` in it cannot be written in a tar.
 */
export function keptXattrs(
  xattrs: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<string, Uint8Array> {
  if (xattrs.size === 0) return xattrs;
  return new Map(
    [...xattrs].filter(
      ([name]) =>
        name === "security.capability" ||
        (name.startsWith("user.") && !name.startsWith("user.overlay.") && !name.includes("=")),
    ),
  );
}
