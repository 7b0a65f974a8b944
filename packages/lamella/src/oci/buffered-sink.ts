import type { ByteSink } from "../files/sink.ts";

/** Bytes that are collected before the sink below sees them. */
const bufferBytes = 512 * 1024;

/**
 * Gathers small writes into large ones. There are two buffers: one is filled while the sink takes the other, so that a
 * slow disk and a busy processor do not wait for each other. What is written is copied at once.
 */
export class BufferedSink implements ByteSink, AsyncDisposable {
  readonly #sink: ByteSink;
  #filling = Buffer.allocUnsafe(bufferBytes);
  #spare = Buffer.allocUnsafe(bufferBytes);
  #length = 0;
  /** The sink's work on the spare buffer. */
  #writing: Promise<void> | undefined;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  write(bytes: Uint8Array): Promise<void> | void {
    if (bytes.length < bufferBytes - this.#length) {
      this.#filling.set(bytes, this.#length);
      this.#length += bytes.length;
      return;
    }
    return this.#writeAcross(bytes);
  }

  /** Returns when the sink has taken everything. */
  async flush(): Promise<void> {
    if (this.#length > 0) {
      await this.#handOver();
    }
    await this.#writing;
  }

  /** Waits until the sink is at rest, whatever came of it; a failure was or will be told by the write after it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing?.catch(() => {});
  }

  async #writeAcross(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      const part = rest.subarray(0, bufferBytes - this.#length);
      this.#filling.set(part, this.#length);
      this.#length += part.length;
      rest = rest.subarray(part.length);
      if (this.#length === bufferBytes) {
        await this.#handOver();
      }
    }
  }

  async #handOver(): Promise<void> {
    await this.#writing;
    const full = this.#filling.subarray(0, this.#length);
    [this.#filling, this.#spare] = [this.#spare, this.#filling];
    this.#length = 0;
    this.#writing = this.#sink.write(full) ?? undefined;
    // Whoever writes next learns of a failure; until then it must not count as unhandled.
    this.#writing?.catch(() => {});
  }
}
