/** What tells how many bytes it has consumed, as the streams of node:zlib do. */
export interface Consumer {
  readonly bytesWritten: number;
}

/** A stream that is fed to one decompressor after another: what one does not consume, the next one gets. */
export class DecompressorInput {
  readonly #source: AsyncIterator<Uint8Array>;
  /** Chunks that were read, from the first that is not consumed. */
  readonly #kept: Uint8Array[] = [];
  /** Bytes that the present consumer took before the first kept chunk. */
  #released = 0;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#source = stream[Symbol.asyncIterator]();
  }

  async hasMore(): Promise<boolean> {
    return this.#kept.length > 0 || (await this.#read());
  }

  /** The chunks that no consumer took so far. Ending this early does not end the source. */
  async *feed(consumer: Consumer): AsyncGenerator<Uint8Array, void, undefined> {
    this.#released = 0;
    let next = 0;
    for (;;) {
      next -= this.#release(consumer);
      if (next === this.#kept.length && !(await this.#read())) {
        return;
      }
      yield this.#kept[next]!;
      next++;
    }
  }

  /** Keeps what a consumer that has come to its end did not take. Returns whether it took anything. */
  takeBack(consumer: Consumer): boolean {
    this.#release(consumer);
    const [first] = this.#kept;
    if (first !== undefined) {
      this.#kept[0] = first.subarray(consumer.bytesWritten - this.#released);
    }
    return consumer.bytesWritten > 0;
  }

  /** Ends the source. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  /** Lets go of the chunks that the consumer has taken whole; returns how many. */
  #release(consumer: Consumer): number {
    let count = 0;
    for (let [first] = this.#kept; first !== undefined; [first] = this.#kept) {
      if (consumer.bytesWritten - this.#released < first.length) {
        break;
      }
      this.#released += first.length;
      this.#kept.shift();
      count++;
    }
    return count;
  }

  async #read(): Promise<boolean> {
    for (;;) {
      const next = await this.#source.next();
      if (next.done === true) {
        return false;
      }
      if (next.value.length > 0) {
        this.#kept.push(next.value);
        return true;
      }
    }
  }
}
