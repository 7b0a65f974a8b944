import { readlink } from "node:fs/promises";
import { MountError } from "./error.ts";
import { lookup } from "./layer-stack.ts";
import type { Snapshot } from "./snapshot.ts";

/** As many links as Linux follows in one path (path_resolution(7)). */
const mostLinks = 40;

/**
 * Where an absolute path of an image ends with all links followed, as a process in it would follow them: relative to the
 * root, `""` for the root itself. What is not there stays as it is named. Raises {@link MountError} for links in a
 * circle.
 */
export async function resolvePath(stack: readonly Snapshot[], path: string): Promise<string> {
  let links = 0;
  const waiting = path.split("/").reverse();
  let place = "";
  for (let segment = waiting.pop(); segment !== undefined; segment = waiting.pop()) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") {
      // The root is its own parent.
      place = place.slice(0, Math.max(0, place.lastIndexOf("/")));
      continue;
    }
    const next = place === "" ? segment : `${place}/${segment}`;
    const entry = await lookup(stack, next);
    if (entry?.stats.isSymbolicLink() !== true) {
      place = next;
      continue;
    }
    if (++links > mostLinks) throw inCircles(path);
    const target = await readlink(entry.path);
    if (target.startsWith("/")) place = "";
    waiting.push(...target.split("/").reverse());
  }
  return place;
}

function inCircles(path: string): MountError {
  return new MountError(
    `Nothing can be mounted at ${path}: the image's links there lead in a circle.`,
    "Name another place.",
  );
}
