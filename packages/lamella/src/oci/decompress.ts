import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";
import { DecompressorInput } from "./decompressor-input.ts";
import { CorruptLayerError, UnsupportedMediaTypeError } from "./error.ts";
import { layerCompression } from "./media-type.ts";

const chunkBytes = 256 * 1024;

/**
 * The tar of a layer: what `stream` gives, decompressed as the media type says. A gzip may have many members, as ours
 * have. Raises {@link CorruptLayerError} for bytes that do not decompress or are cut off, and
 * {@link UnsupportedMediaTypeError}; errors of the stream come through as they are.
 */
export async function* decompressLayer(
  stream: AsyncIterable<Uint8Array>,
  mediaType: string,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const compression = layerCompression(mediaType);
  switch (compression) {
    case undefined:
      throw new UnsupportedMediaTypeError(
        `A layer of the media type ${JSON.stringify(mediaType.slice(0, 200))} cannot be read.`,
        "Layers are tar, gzip or zstd. Rebuild the image with one of them.",
      );
    case "none":
      yield* stream;
      return;
    case "gzip":
      yield* decompress(() => createGunzip({ chunkSize: chunkBytes }), stream, options.signal);
      return;
    case "zstd":
      yield* decompress(
        () => createZstdDecompress({ chunkSize: chunkBytes }),
        stream,
        options.signal,
      );
  }
}

/**
 * Node's zstd ends, without a word, with the first frame that ends inside of a chunk, and layers of many frames are
 * common (zstd:chunked has one a file). So what a decompressor leaves goes to the next one.
 */
async function* decompress(
  create: () => Gunzip | ZstdDecompress,
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new DecompressorInput(stream);
  try {
    while (await input.hasMore()) {
      const decompressor = create();
      yield* through(decompressor, input, signal);
      if (!input.takeBack(decompressor)) {
        throw corrupt();
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw isDecompressionError(error) ? corrupt(error) : error;
  } finally {
    await input.close();
  }
}

async function* through(
  decompressor: Gunzip | ZstdDecompress,
  input: DecompressorInput,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  // Whoever stops reading early ends the pumping too.
  const stop = new AbortController();
  const signals = signal === undefined ? [stop.signal] : [signal, stop.signal];
  const pumping = pipeline(input.feed(decompressor), decompressor, {
    signal: AbortSignal.any(signals),
  });
  pumping.catch(() => {});
  try {
    for await (const chunk of decompressor) {
      yield chunk as Uint8Array;
    }
  } finally {
    stop.abort();
    await pumping.catch(() => {});
  }
}

function corrupt(cause?: unknown): CorruptLayerError {
  return new CorruptLayerError(
    "A layer does not decompress: it is damaged or cut off.",
    "Fetch it again, or push the image anew.",
    cause === undefined ? undefined : { cause },
  );
}

function isDecompressionError(error: unknown): boolean {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && (code.startsWith("Z_") || code.startsWith("ZSTD_"));
}
