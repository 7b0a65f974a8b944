import type { Digest } from "../files/digest.ts";
import type { RegularFile } from "../files/entry.ts";
import type { ByteSink } from "../files/sink.ts";
import { chunksOf } from "./deflated-content.ts";
import { ContentMismatchError } from "./error.ts";
import { LayerEntries } from "./layer-entries.ts";
import type { LayerEntry } from "./layer-entry.ts";
import { LayerOutput } from "./layer-output.ts";
import { blockSize, encodeTarHeader, paddingOf, type TarHeader } from "./tar-header.ts";
import { opaqueMarker, whiteoutPrefix } from "./whiteout.ts";

/** What is known of a layer once it is written. Its digest and size are the sink's to know. */
export interface WrittenLayer {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  /** Length of the uncompressed tar in bytes. */
  readonly tarSize: number;
}

export interface WriteLayerOptions {
  readonly signal?: AbortSignal | undefined;
  /** Threads that compress; 2 where absent. It has no effect on the bytes. Each holds some two MiB. */
  readonly compressors?: number;
}

const zeros = new Uint8Array(2 * blockSize);

/**
 * Writes file entries, in the order given, as a layer: a deterministic tar in many gzip members (see README.md). The
 * same entries give the same bytes on every machine, however their contents are cut into chunks. Contents that are
 * deflated are passed through and not compressed again; at most some ten MiB are held in memory.
 *
 * A directory that comes again with the same mode and owner is written once. Raises {@link InvalidEntryError} for
 * entries that no layer can hold and {@link ContentMismatchError} for contents that are not what they announced; what
 * the sink has then is to be thrown away.
 */
export async function writeLayer(
  entries: Iterable<LayerEntry> | AsyncIterable<LayerEntry>,
  sink: ByteSink,
  options: WriteLayerOptions = {},
): Promise<WrittenLayer> {
  const { signal } = options;
  signal?.throwIfAborted();
  await using output = new LayerOutput(sink, options);
  const layer = new LayerEntries();
  for await (const entry of entries) {
    signal?.throwIfAborted();
    if (!layer.admit(entry)) {
      continue;
    }
    await output.raw(encodeTarHeader(headerOf(entry)));
    if (entry.kind === "file") {
      await writeContent(entry, output, signal);
      await output.raw(zeros.subarray(0, paddingOf(entry.content.size)));
    }
  }
  // Two blocks of zeros end a tar.
  await output.raw(zeros);
  return await output.finish();
}

function headerOf(entry: LayerEntry): TarHeader {
  const owner = {
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    ...("xattrs" in entry && entry.xattrs !== undefined && { xattrs: entry.xattrs }),
  };
  switch (entry.kind) {
    case "file":
      return {
        ...owner,
        kind: "file",
        path: entry.path,
        mode: entry.mode,
        size: entry.content.size,
      };
    case "directory":
      return { ...owner, kind: "directory", path: `${entry.path}/`, mode: entry.mode, size: 0 };
    case "hardlink":
    case "character":
    case "block":
    case "fifo":
      return { ...entry, ...owner, size: 0 };
    case "symlink":
      return {
        ...owner,
        kind: "symlink",
        path: entry.path,
        mode: 0o777,
        size: 0,
        target: entry.target,
      };
    case "opaque":
      return {
        ...owner,
        kind: "file",
        path: `${entry.path}/${opaqueMarker}`,
        mode: 0o644,
        size: 0,
      };
    case "whiteout": {
      const name = entry.path.lastIndexOf("/") + 1;
      const path = `${entry.path.slice(0, name)}${whiteoutPrefix}${entry.path.slice(name)}`;
      return { ...owner, kind: "file", path, mode: 0o644, size: 0 };
    }
  }
  return entry satisfies never;
}

async function writeContent(
  file: RegularFile,
  output: LayerOutput,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { content, path } = file;
  if (content.encoding === "deflate") {
    await output.deflated(path, content);
    return;
  }
  let size = 0;
  for await (const chunk of chunksOf(content.data)) {
    signal?.throwIfAborted();
    size += chunk.length;
    if (size > content.size) {
      break;
    }
    await output.raw(chunk);
  }
  if (size !== content.size) {
    throw new ContentMismatchError(
      path,
      `it has ${size > content.size ? "more" : "less"} than ${content.size} bytes`,
    );
  }
}
