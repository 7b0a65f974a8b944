/** Paths in the one order in which outlines are kept, by UTF-16 code units: parents stand before what they hold. */
export function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function sortedByPath<T>(
  entries: Iterable<readonly [path: string, value: T]>,
): Map<string, T> {
  return new Map([...entries].sort(([a], [b]) => comparePaths(a, b)));
}

export function sortedPaths(paths: Iterable<string>): string[] {
  return [...paths].sort(comparePaths);
}
