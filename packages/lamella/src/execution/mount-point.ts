import { MountError } from "./error.ts";
import { lookup } from "./layer-stack.ts";
import { resolvePath } from "./resolve-path.ts";
import type { Snapshot } from "./snapshot.ts";

/** Where something is mounted in a root filesystem. */
export interface MountPoint {
  /** Relative to the root; none of its parents is a link of the image. */
  readonly path: string;
  readonly type: "file" | "directory";
}

/**
 * The mount point that an absolute path of an image means. The image's links are followed, so what is mounted does not
 * stand in the place of one. Raises {@link MountError} where a file or directory can neither be nor be made there.
 */
export async function findMountPoint(
  stack: readonly Snapshot[],
  destination: string,
  type: MountPoint["type"],
): Promise<MountPoint> {
  const path = await resolvePath(stack, destination);
  if (path === "") throw refused(destination, "that is the root of the image");
  const segments = path.split("/");
  for (let length = 1; length <= segments.length; length++) {
    const part = segments.slice(0, length).join("/");
    const entry = await lookup(stack, part);
    if (entry === undefined) break;
    const wanted = length < segments.length ? "directory" : type;
    if (entry.stats.isDirectory() !== (wanted === "directory")) {
      throw refused(
        destination,
        `the image's /${part} is ${wanted === "file" ? "a" : "no"} directory`,
      );
    }
  }
  return { path, type };
}

function refused(destination: string, why: string): MountError {
  return new MountError(
    `Nothing can be mounted at ${JSON.stringify(destination)}: ${why}.`,
    "Name another place.",
  );
}
