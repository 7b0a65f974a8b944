import { spawn } from "node:child_process";
import { once } from "node:events";
import type { TarEntry } from "../oci/tar-entry.ts";
import { readTar } from "../oci/tar-reader.ts";
import { RuntimeError, ToolMissingError } from "./error.ts";
import { systemEnvironment } from "./system-environment.ts";

// Characters of tar's complaints that are kept for an error message.
const longestComplaint = 2000;

/**
 * The entries of a folder, sorted by name within each directory, and each directory before what is in it. Node can read
 * neither extended attributes nor device numbers of all kinds, and GNU tar can: so it is asked for a tar, of which
 * nothing but the contents goes into a layer as it is. Sockets are left out, as in every builder.
 *
 * Raises {@link ToolMissingError}, {@link RuntimeError} where a file cannot be read, and InvalidTarError for names that
 * are not UTF-8.
 */
export async function* readUpper(
  folder: string,
  options: { readonly leaveOut: readonly string[]; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<TarEntry, void, undefined> {
  const { leaveOut, signal } = options;
  const child = spawn(
    "tar",
    [
      "--create",
      "--file=-",
      `--directory=${folder}`,
      "--sort=name",
      "--numeric-owner",
      "--xattrs",
      "--xattrs-include=*",
      // PAX, without the times that nobody asks for: they would be two more blocks for each file.
      "--format=posix",
      "--pax-option=delete=atime,delete=ctime,delete=mtime",
      "--anchored",
      "--no-wildcards",
      ...leaveOut.map((path) => `--exclude=./${path}`),
      ".",
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: systemEnvironment },
  );
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(0, longestComplaint);
  });
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  closed.catch(() => {});
  try {
    yield* readTar(child.stdout, signal === undefined ? {} : { signal });
    const [code, killer] = await closed.catch(explainMissingTar);
    if (code !== 0) {
      throw new RuntimeError(
        `What the command changed cannot be read from ${folder}: ${complaint.trim() || `tar ended with ${code ?? killer}`}`,
        "The store must be on a filesystem with extended attributes (ext4, xfs, btrfs), and `tar` must be GNU tar.",
      );
    }
  } finally {
    child.kill("SIGKILL");
    await closed.catch(() => {});
  }
}

function explainMissingTar(error: unknown): never {
  throw new ToolMissingError(
    "GNU tar is not installed, and making a layer of what a command changed needs it.",
    "Install it: apt-get install tar",
    { cause: error },
  );
}
