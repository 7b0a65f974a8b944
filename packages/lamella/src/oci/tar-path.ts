/** The largest path that is taken, in characters: Linux's PATH_MAX. */
const longestPath = 4096;

/**
 * The form of a path in which entries are compared: relative to the root, without `.` and empty segments. A leading `/`
 * is dropped, as Docker and containerd do. The root is `""`. Throws a RangeError for `..`, which no honest layer has.
 */
export function normalizeTarPath(path: string): string {
  if (path === "" || path.length > longestPath) {
    throw new RangeError("an empty or endless path");
  }
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) {
    throw new RangeError(`a path with '..' in it (${JSON.stringify(path.slice(0, 200))})`);
  }
  return segments.join("/");
}
