import { LinkLoopError } from "./error.ts";

/** Links that one lookup may follow (Linux, path_resolution(7)). */
const mostLinks = 40;

/**
 * The physical path that a path leads to, relative to the root and without links, as the kernel of a container would
 * walk it: absolute links start at the root, and `..` at the root stays there. Names that do not exist are kept.
 *
 * `linkAt` gives the text of the link at a physical path. With `last: "kept"` a link in the last place is not followed.
 * Raises LinkLoopError.
 */
export function followLinks(
  path: string,
  linkAt: (physical: string) => string | undefined,
  last: "followed" | "kept" = "followed",
): string {
  const pending = segments(path).reverse();
  const physical: string[] = [];
  let followed = 0;
  for (let segment = pending.pop(); segment !== undefined; segment = pending.pop()) {
    if (segment === "..") {
      physical.pop();
      continue;
    }
    physical.push(segment);
    if (pending.length === 0 && last === "kept") break;
    const target = linkAt(physical.join("/"));
    if (target === undefined) continue;
    followed += 1;
    if (followed > mostLinks) {
      throw new LinkLoopError(
        `The base's links at ${JSON.stringify(path.slice(0, 300))} lead in a circle.`,
        "Choose another destination, or a base without that circle.",
      );
    }
    physical.pop();
    if (target.startsWith("/")) physical.length = 0;
    pending.push(...segments(target).reverse());
  }
  return physical.join("/");
}

function segments(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "" && segment !== ".");
}

/** The directories above a physical path, from the top, without the root: `a`, `a/b` for `a/b/c`. */
export function* parentsOf(path: string): Iterable<string> {
  for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
    yield path.slice(0, slash);
  }
}

/** All but the last name of a physical path; the empty string, which is the root, for a top-level name. */
export function dirname(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** The last name of a physical path. */
export function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Whether `path` is `folder` or below it. */
export function isWithin(path: string, folder: string): boolean {
  return folder === "" || path === folder || path.startsWith(`${folder}/`);
}
