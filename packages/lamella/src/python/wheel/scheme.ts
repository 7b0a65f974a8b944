import { posix } from "node:path";
import { type InstallTarget, sitePackages } from "../install-target.ts";
import type { DistInfo } from "./dist-info.ts";

/** Where a name in a wheel goes. */
export interface Destination {
  /** Relative to the prefix; empty for the prefix itself. */
  readonly path: string;
  /** A command: its first line may have to be replaced. */
  readonly script: boolean;
}

/** The folder of commands, relative to the prefix. */
export const scriptsFolder = "bin";

/**
 * Where the names of a wheel go (binary distribution format, "The .data directory"): below `NAME-VERSION.data/` the first
 * folder is a key, everything else is a package. The result is nothing for names that a wheel of the format does not have.
 */
export function destinationOf(
  name: string,
  { prefix, name: distribution }: DistInfo,
  target: InstallTarget,
): Destination | undefined {
  const library = sitePackages(target);
  const data = `${prefix}.data/`;
  if (!name.startsWith(data)) return { path: `${library}/${name}`, script: false };
  const slash = name.indexOf("/", data.length);
  const key = name.slice(data.length, slash < 0 ? undefined : slash);
  const rest = slash < 0 ? "" : name.slice(slash + 1);
  switch (key) {
    case "purelib":
    case "platlib":
      return { path: posix.join(library, rest), script: false };
    case "headers": {
      // Where a venv has headers, which is not where its base Python has them.
      const headers = `include/site/python${target.python}/${distribution}`;
      return { path: posix.join(headers, rest), script: false };
    }
    case "data":
      return { path: rest, script: false };
    case "scripts":
      return { path: posix.join(scriptsFolder, rest), script: true };
    default:
      return undefined;
  }
}

/** How `RECORD` names a path below the prefix: relative to the folder of packages. */
export function recordPath(path: string, target: InstallTarget): string {
  return posix.relative(`/${sitePackages(target)}`, `/${path}`);
}

/**
 * Where a path below the prefix really lies: a venv's `lib64` is a link to `lib`, and a layer that holds a directory of
 * that name would replace the link.
 */
export function physicalPath(path: string): string {
  return path === "lib64" || path.startsWith("lib64/") ? `lib${path.slice("lib64".length)}` : path;
}
