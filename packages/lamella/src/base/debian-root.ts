import { createReadStream } from "node:fs";
import { bytesFile, type FileEntry } from "../files/entry.ts";
import type { TarEntry } from "../oci/tar-entry.ts";
import { readTar } from "../oci/tar-reader.ts";
import { BootstrapFailedError } from "./error.ts";

const sourcesList = "etc/apt/sources.list";

export interface DebianRootOptions {
  /** Whether the archives that the root was made from stay named in it. */
  readonly keepsSources?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Files of the machine that made the root, and of the making. */
const traces = new Set([
  "etc/resolv.conf",
  "etc/hostname",
  "etc/.pwd.lock",
  "etc/passwd-",
  "etc/group-",
  "etc/shadow-",
  "etc/gshadow-",
  "etc/subuid-",
  "etc/subgid-",
  "var/cache/ldconfig/aux-cache",
  "var/lib/dbus/machine-id",
]);

/**
 * Folders that stay, with nothing but folders in them: what is there belongs to a running system, can be fetched again,
 * or is left out of Debian's slim images too.
 */
const emptied =
  /^(?:dev|proc|sys|run|tmp|var\/tmp|var\/log|var\/cache\/apt|var\/lib\/apt\/lists|etc\/apt\/sources\.list\.d|usr\/share\/(?:man|info|lintian|linda|locale))\//;

/** Backups that dpkg and debconf keep of their own files. */
const backup = /^var\/(?:lib\/dpkg|cache\/debconf)\/.*-old$/;

/** Documentation that slim images leave out; licences stay. */
const documentation = /^usr\/share\/doc\/(?!.*\/copyright$)/;

function isKept(entry: TarEntry): boolean {
  const { path, kind } = entry;
  if (path.startsWith("usr/share/locale/")) return false;
  if (kind === "directory") return path !== "";
  return (
    !traces.has(path) && !emptied.test(path) && !backup.test(path) && !documentation.test(path)
  );
}

/**
 * The entries of a layer out of the tar of a root filesystem that mmdebstrap made, with nothing in them of the machine
 * that it ran on: no name, no resolver, no archive's address unless it is wanted, no logs, lists, caches, locks or devices.
 * Hard links become copies. Contents are to be read in order, each before the next entry is asked for. Raises BootstrapFailedError for what
 * a layer cannot hold.
 */
export async function* debianRoot(
  tar: string,
  { keepsSources = false, signal }: DebianRootOptions = {},
): AsyncGenerator<FileEntry, void, void> {
  const options = signal ? { signal } : {};
  const sizes = new Map<string, number>();
  for await (const entry of readTar(createReadStream(tar), options)) {
    if (entry.kind === "file") sizes.set(entry.path, entry.size);
    if (!isKept(entry)) continue;
    if (entry.xattrs.size > 0) throw unsupported(entry.path, "extended attributes");
    const { path, mode, uid, gid } = entry;
    switch (entry.kind) {
      case "directory":
        yield { kind: "directory", path, mode, uid, gid };
        break;
      case "symlink":
        yield { kind: "symlink", path, target: entry.target, uid, gid };
        break;
      case "file": {
        const isWanted = keepsSources && path === sourcesList;
        const replaced = isWanted ? undefined : replacements.get(path);
        yield replaced === undefined
          ? {
              kind: "file",
              path,
              mode,
              uid,
              gid,
              content: { encoding: "identity", size: entry.size, data: () => entry.content },
            }
          : bytesFile(path, replaced, { mode, uid, gid });
        break;
      }
      case "hardlink": {
        const { target } = entry;
        const size = sizes.get(target);
        if (size === undefined) throw unsupported(path, `a hard link to ${target}`);
        const data = (): AsyncIterable<Uint8Array> => contentOf(tar, target, options);
        yield { kind: "file", path, mode, uid, gid, content: { encoding: "identity", size, data } };
        break;
      }
      case "character":
      case "block":
      case "fifo":
      case "whiteout":
      case "opaque":
        throw unsupported(path, `a ${entry.kind}`);
    }
  }
}

/** Files that stay with another content. */
const replacements: ReadonlyMap<string, string> = new Map([
  [sourcesList, "# The archives that this image was made from are not named here.\n"],
  // An empty one is filled at the first start of a system; containers leave it so (machine-id(5)).
  ["etc/machine-id", ""],
]);

async function* contentOf(
  tar: string,
  path: string,
  options: { readonly signal?: AbortSignal },
): AsyncGenerator<Uint8Array, void, void> {
  for await (const entry of readTar(createReadStream(tar), options)) {
    if (entry.path !== path || entry.kind !== "file") continue;
    yield* entry.content;
    return;
  }
}

function unsupported(path: string, what: string): BootstrapFailedError {
  return new BootstrapFailedError(
    `mmdebstrap made /${path} with ${what}, which a base image of ours cannot hold.`,
    "Bootstrap without the package that it is from.",
  );
}
