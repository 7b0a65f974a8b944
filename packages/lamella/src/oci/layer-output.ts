import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { crc32, deflateRaw } from "node:zlib";
import type { Digest } from "../files/digest.ts";
import type { DeflatedContent } from "../files/entry.ts";
import type { ByteSink } from "../files/sink.ts";
import { release } from "../files/spent-memory.ts";
import { BufferedSink } from "./buffered-sink.ts";
import { readDeflated } from "./deflated-content.ts";
import {
  deflateLevel,
  gzipMember,
  memberHeader,
  memberTrailer,
  wrapDeflated,
} from "./gzip-member.ts";

/**
 * Tar bytes that share a member at most. Members end here or before a deflated content and nowhere else, so the output
 * does not depend on how the bytes came.
 */
const memberBytes = 1024 * 1024;

/** Members up to this many bytes are made at once; for larger ones zlib works in its own thread. */
const largestSynchronous = 64 * 1024;

/** Members that may be in the making by default; each holds up to {@link memberBytes} and its compressed form. */
const defaultCompressors = 2;

const deflateAsync = promisify<Uint8Array, { level: number; chunkSize: number }, Buffer>(
  deflateRaw,
);

/**
 * The two faces of a layer that is being written: tar bytes go in, gzip members come out, and the tar is hashed on the
 * way. A deflated content becomes a member as it is.
 */
export class LayerOutput implements AsyncDisposable {
  readonly #sink: BufferedSink;
  readonly #hash = createHash("sha256");
  readonly #signal: AbortSignal | undefined;
  #tarSize = 0;
  #block = Buffer.allocUnsafe(memberBytes);
  #blockLength = 0;
  /** Members on their way to the sink, in order. */
  readonly #queue: Promise<Uint8Array>[] = [];
  readonly #membersAhead: number;

  constructor(
    sink: ByteSink,
    options: { readonly signal?: AbortSignal | undefined; readonly compressors?: number },
  ) {
    this.#sink = new BufferedSink(sink);
    this.#signal = options.signal;
    this.#membersAhead = options.compressors ?? defaultCompressors;
  }

  /** Adds bytes of the tar, which are copied. */
  async raw(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      const part = rest.subarray(0, memberBytes - this.#blockLength);
      this.#block.set(part, this.#blockLength);
      this.#blockLength += part.length;
      rest = rest.subarray(part.length);
      if (this.#blockLength === memberBytes) {
        await this.#endMember();
      }
    }
  }

  /** Adds a content that is deflated already. Raises ContentMismatchError. */
  async deflated(path: string, content: DeflatedContent): Promise<void> {
    await this.#endMember();
    await this.#drain(0);
    const sink = this.#sink;
    const hash = this.#hash;
    await sink.write(memberHeader);
    await readDeflated(
      path,
      content,
      {
        compressed: (bytes) => sink.write(bytes),
        inflated: (bytes) => {
          hash.update(bytes);
        },
      },
      this.#signal,
    );
    await sink.write(memberTrailer(content.crc32, content.size));
    this.#tarSize += content.size;
  }

  /** Writes what is left. Nothing may be added afterwards. */
  async finish(): Promise<{ diffId: Digest; tarSize: number }> {
    await this.#endMember();
    await this.#drain(0);
    await this.#sink.flush();
    return { diffId: `sha256:${this.#hash.digest("hex")}`, tarSize: this.#tarSize };
  }

  /** Waits until neither zlib nor the sink works on anything of ours. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#queue);
    await this.#sink[Symbol.asyncDispose]();
  }

  async #endMember(): Promise<void> {
    if (this.#blockLength === 0) {
      return;
    }
    const bytes = this.#block.subarray(0, this.#blockLength);
    this.#blockLength = 0;
    this.#tarSize += bytes.length;
    if (bytes.length <= largestSynchronous) {
      this.#hash.update(bytes);
      const member = gzipMember(bytes);
      await (this.#queue.length === 0
        ? this.#sink.write(member)
        : this.#send(Promise.resolve(member)));
      return;
    }
    // zlib reads the block while the next one is filled.
    this.#block = Buffer.allocUnsafe(memberBytes);
    const member = deflateInThread(bytes);
    this.#hash.update(bytes);
    await this.#send(member);
  }

  async #send(member: Promise<Uint8Array>): Promise<void> {
    this.#queue.push(member);
    await this.#drain(this.#membersAhead);
  }

  /** Writes the oldest members until this many are left. */
  async #drain(left: number): Promise<void> {
    while (this.#queue.length > left) {
      const member = await this.#queue[0]!;
      await this.#sink.write(member);
      release(member);
      void this.#queue.shift();
    }
  }
}

/** A member of bytes that are given away: they are gone when it is made. */
function deflateInThread(bytes: Uint8Array): Promise<Uint8Array> {
  const options = { level: deflateLevel, chunkSize: memberBytes / 2 };
  const member = deflateAsync(bytes, options).then((deflated) => {
    const wrapped = wrapDeflated(deflated, crc32(bytes), bytes.length);
    release(deflated);
    release(bytes);
    return wrapped;
  });
  // Awaited when its turn comes; until then a failure must not count as unhandled.
  member.catch(() => {});
  return member;
}
