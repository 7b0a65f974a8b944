import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decompressLayer } from "./decompress.ts";
import { CorruptLayerError, UnsupportedMediaTypeError } from "./error.ts";
import { mediaType } from "./media-type.ts";

async function* pieces(bytes: Uint8Array, piece = 65_536): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += piece) {
    yield bytes.subarray(offset, offset + piece);
  }
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream));
}

describe("decompression", () => {
  const text = Buffer.from("some text\n".repeat(10_000));
  const gzip = Buffer.concat([
    gzipSync(text.subarray(0, 5)),
    gzipSync(""),
    gzipSync(text.subarray(5)),
  ]);
  const zstd = zstdCompressSync(text);

  test.each<[string, Uint8Array]>([
    [mediaType.layerTar, text],
    [mediaType.dockerLayerTar, text],
    [mediaType.layerGzip, gzip],
    [mediaType.dockerLayerGzip, gzip],
    [mediaType.layerZstd, zstd],
    [
      mediaType.layerZstd,
      Buffer.concat([zstdCompressSync(text.subarray(0, 5)), zstdCompressSync(text.subarray(5))]),
    ],
  ])("%s", async (type, bytes) => {
    expect((await collect(decompressLayer(pieces(bytes, 1000), type))).equals(text)).toBe(true);
  });

  test.each([
    [mediaType.layerGzip, gzip.subarray(0, -10)],
    [mediaType.layerGzip, text],
    [mediaType.layerZstd, zstd.subarray(0, -2)],
    [mediaType.layerZstd, text],
  ])("%s, damaged", async (type, bytes) => {
    await expect(collect(decompressLayer(pieces(bytes, 1000), type))).rejects.toThrow(
      CorruptLayerError,
    );
  });

  test("a layer of hundreds of zstd frames, some empty, at any chunking", async () => {
    const frames = Array.from({ length: 300 }, (_, frame) =>
      zstdCompressSync(text.subarray(frame * 7, frame * 7 + (frame % 8))),
    );
    const whole = Buffer.concat(
      Array.from({ length: 300 }, (_, frame) => text.subarray(frame * 7, frame * 7 + (frame % 8))),
    );
    for (const piece of [7, 5000, 1_000_000]) {
      const found = await collect(
        decompressLayer(pieces(Buffer.concat(frames), piece), mediaType.layerZstd),
      );
      expect(found.equals(whole)).toBe(true);
    }
  });

  test("other media types are refused by name", async () => {
    await expect(collect(decompressLayer(pieces(text), "text/plain"))).rejects.toThrow(
      expect.objectContaining({
        constructor: UnsupportedMediaTypeError,
        message: expect.stringContaining("text/plain") as string,
      }) as Error,
    );
  });

  test("the source's error comes through, the source is closed by who stops early, an abort ends it", async () => {
    let closed = false;
    const source = async function* (fails: boolean): AsyncGenerator<Uint8Array> {
      try {
        yield gzip.subarray(0, 100);
        if (fails) throw new Error("connection lost");
        yield gzip.subarray(100);
      } finally {
        closed = true;
      }
    };
    await expect(collect(decompressLayer(source(true), mediaType.layerGzip))).rejects.toThrow(
      "connection lost",
    );
    closed = false;
    for await (const _ of decompressLayer(source(false), mediaType.layerGzip)) break;
    expect(closed).toBe(true);
    const reason = new Error("stopped");
    await expect(
      collect(
        decompressLayer(source(false), mediaType.layerGzip, { signal: AbortSignal.abort(reason) }),
      ),
    ).rejects.toBe(reason);
  });
});
