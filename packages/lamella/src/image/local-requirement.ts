import { basename, isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** A requirement that names a file or folder of this machine, taken apart. */
export interface LocalRequirement {
  /** What stands before the path: nothing, or `name @ `. */
  readonly before: string;
  /** As written: absolute, or relative to what the requirement is relative to. */
  readonly path: string;
  /** What follows it: extras, a fragment, a marker. */
  readonly after: string;
}

const archive = /\.(?:whl|tar\.gz|tar\.bz2|tar\.xz|tgz|zip)$/;

/**
 * The file that a requirement names, if it does: `./dist/a-1.0-py3-none-any.whl`, `../project[extra]`, `a.whl`,
 * `a @ file:///srv/a-1.0.tar.gz ; python_version > "3.9"` (PEP 508's direct references, and the paths that pip takes).
 */
export function localRequirement(requirement: string): LocalRequirement | undefined {
  // A marker follows a semicolon; in a URL or path only one with a space before it (PEP 508, "URL reqs").
  const marker = /\s;.*$/s.exec(requirement)?.[0] ?? "";
  const bare = requirement.slice(0, requirement.length - marker.length);
  const [, prefix = "", target = ""] =
    /^(\s*(?:[\w.-]+\s*(?:\[[^\]]*\])?\s*@\s*)?)(.*)$/s.exec(bare) ?? [];
  const suffix = /(?:\[[^\]/]*\])?(?:#[^#]*)?\s*$/.exec(target)?.[0] ?? "";
  const location = target.slice(0, target.length - suffix.length);
  const path = localPath(location);
  return path === undefined ? undefined : { before: prefix, path, after: suffix + marker };
}

/** The requirement without where its file lies, so that it reads the same on every machine. */
export function portableRequirement({ before, path, after }: LocalRequirement): string {
  return `${before}${basename(path)}${after}`;
}

/** The requirement with an absolute path where it has one relative to `root`; any other as it is. */
export function absoluteRequirement(requirement: string, root: string): string {
  const local = localRequirement(requirement);
  if (local === undefined || isAbsolute(local.path)) return requirement;
  return `${local.before}${resolve(root, local.path)}${local.after}`;
}

function localPath(location: string): string | undefined {
  if (/^file:/i.test(location)) {
    try {
      return /^file:\/\//i.test(location)
        ? fileURLToPath(location)
        : decodeURIComponent(location.slice("file:".length));
    } catch {
      // A file URL with another host, or broken escapes: for the resolver to refuse.
      return undefined;
    }
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(location)) return undefined;
  const isPath = location.includes("/") || location === "." || location === "..";
  return isPath || archive.test(location) ? location : undefined;
}
