import { posix } from "node:path";
import { requireText, show } from "./argument.ts";
import { DefinitionError } from "./error.ts";

/**
 * A path in the image, absolute or relative to its workdir, without `..`: an image path that climbs is a mistake more
 * often than not, and never needed.
 */
export function requireImagePath(value: unknown, what: string): string {
  const path = requireText(value, what);
  if (path.split("/").includes("..")) {
    throw new DefinitionError(
      `${what} climbs out with "..": ${show(path)}.`,
      "Write the path that is meant.",
    );
  }
  return path;
}

/** An absolute path in the image, in its shortest spelling. */
export function requireAbsoluteImagePath(value: unknown, what: string): string {
  const path = requireImagePath(value, what);
  if (!path.startsWith("/")) {
    throw new DefinitionError(
      `${what} is not absolute: ${show(path)}.`,
      `Begin it with a slash: ${show(`/${path.replace(/^(\.\/)+/, "")}`)}.`,
    );
  }
  return normalizeImagePath(path);
}

/** The shortest spelling: no `.`, no doubled or trailing slash. */
export function normalizeImagePath(path: string): string {
  return posix
    .normalize(path)
    .replace(/^\/\/+/, "/")
    .replace(/(?<=.)\/+$/, "");
}
