import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Writable } from "node:stream";
import type { Digest } from "../files/digest.ts";
import { BufferedSink } from "../oci/buffered-sink.ts";
import { paddingOf } from "../oci/tar-header.ts";
import { readTar } from "../oci/tar-reader.ts";
import { DiskFullError } from "../store/error.ts";
import { ExecutionUnsupportedError, LayerUnpackError, ToolMissingError } from "./error.ts";
import { OverlayEntries, type SnapshotRecord } from "./overlay-entries.ts";
import { systemEnvironment } from "./system-environment.ts";
import { mappedIds } from "./user-namespace.ts";

export interface UnpackedLayer extends SnapshotRecord {
  /** Of the tar that was unpacked. */
  readonly diffId: Digest;
}

// Characters of tar's complaints that are kept for an error message.
const longestComplaint = 2000;

// What tar says in English when a write fails, or is cut short, for want of space.
const diskFull = /No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes/;

// EINVAL of chown(2): no id of the user namespace is that one.
const foreignOwner = /Cannot change ownership to uid (\d+), gid (\d+): Invalid argument/;

/**
 * Unpacks a layer's tar into an empty folder, in the form that overlayfs wants of a lower directory. Needs root.
 *
 * Node can neither make device nodes nor set extended attributes, so GNU tar does the unpacking; what it gets is not
 * the layer's tar but one written here of checked entries: no `..`, no link among the parents of anything, no
 * attributes of overlayfs but ours. tar is a process, so several layers at once use several cores.
 *
 * Raises InvalidTarError, {@link LayerUnpackError}, DiskFullError, {@link ToolMissingError}, and
 * {@link ExecutionUnsupportedError} where the user namespace has not all ids of the layer.
 */
export async function unpackLayer(
  tar: AsyncIterable<Uint8Array>,
  folder: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<UnpackedLayer> {
  const { signal } = options;
  await using extraction = startExtraction(folder);
  const hash = createHash("sha256");
  const entries = new OverlayEntries({ mapped: mappedIds() !== undefined });
  try {
    await using sink = new BufferedSink(extraction.sink);
    for await (const entry of readTar(hashed(tar, hash), signal === undefined ? {} : { signal })) {
      for (const block of entries.headers(entry)) await sink.write(block);
      if (entry.kind === "file") {
        for await (const piece of entry.content) await sink.write(piece);
        await sink.write(new Uint8Array(paddingOf(entry.size)));
      }
    }
    const { blocks, record } = entries.end();
    for (const block of blocks) await sink.write(block);
    await sink.flush();
    await extraction.finish();
    return { diffId: `sha256:${hash.digest("hex")}`, ...record };
  } catch (error) {
    // tar that gives up closes its input: why is in its complaint.
    if (isBrokenPipe(error)) await extraction.finish();
    throw error;
  }
}

interface Extraction extends AsyncDisposable {
  readonly sink: { write(bytes: Uint8Array): Promise<void> };
  /** Waits for the end; raises what tar complained of. */
  finish(): Promise<void>;
}

function startExtraction(folder: string): Extraction {
  const child = spawn(
    "tar",
    [
      "--extract",
      "--file=-",
      `--directory=${folder}`,
      "--numeric-owner",
      "--same-owner",
      "--same-permissions",
      "--xattrs",
      // The default leaves out all but user.*.
      "--xattrs-include=*",
      "--delay-directory-restore",
      // Or links that lead out are made at the end, over whatever the layer has put in their place since. What the
      // option is feared for does not come: names are relative, and no parent is a link.
      "--absolute-names",
    ],
    { stdio: ["pipe", "ignore", "pipe"], env: systemEnvironment },
  );
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(0, longestComplaint);
  });
  // Faults of the pipe are told by the writes that meet them.
  child.stdin.on("error", () => {});
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  closed.catch(() => {});
  let over = false;
  return {
    sink: { write: (bytes) => writeTo(child.stdin, bytes) },
    finish: async () => {
      child.stdin.end();
      const [code, killer] = await closed.catch(explainMissingTar);
      over = true;
      if (code !== 0)
        throw extractionFault(folder, complaint || `tar ended with ${code ?? killer}`);
    },
    [Symbol.asyncDispose]: async () => {
      if (over) return;
      child.kill("SIGKILL");
      await closed.catch(() => {});
    },
  };
}

async function writeTo(stream: Writable, bytes: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  await promise;
}

async function* hashed(
  stream: AsyncIterable<Uint8Array>,
  hash: { update(bytes: Uint8Array): unknown },
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of stream) {
    hash.update(chunk);
    yield chunk;
  }
}

function extractionFault(folder: string, complaint: string): Error {
  if (diskFull.test(complaint)) {
    return new DiskFullError(
      `No space left on the disk of ${folder}.`,
      "Free some space there, or set LAMELLA_HOME to a folder on a larger disk.",
    );
  }
  const owner = foreignOwner.exec(complaint);
  if (owner !== null && mappedIds() !== undefined) {
    const [, user, group] = owner;
    return new ExecutionUnsupportedError(
      `The image has files of user ${user} and group ${group}, and the user namespace that this runs in lacks one of these ids.`,
      [
        "Start the command outside of that namespace: it makes one of its own, with the subordinate ids of its user.",
        "Or give the namespace more ids: unshare --user --map-root-user --map-auto (util-linux 2.38).",
      ].join("\n"),
    );
  }
  return new LayerUnpackError(
    `A layer cannot be unpacked into ${folder}: ${complaint.trim()}`,
    "The store must be on a filesystem with extended attributes (ext4, xfs, btrfs), and `tar` must be GNU tar.",
  );
}

function explainMissingTar(error: unknown): never {
  throw new ToolMissingError(
    "GNU tar is not installed, and unpacking layers needs it.",
    "Install it: apt-get install tar",
    { cause: error },
  );
}

function isBrokenPipe(error: unknown): boolean {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED";
}
