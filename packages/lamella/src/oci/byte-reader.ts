/** Takes a stream of chunks of any length apart into the lengths that a format asks for. Nothing is copied needlessly. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #position = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** How many bytes were taken so far. */
  get position(): number {
    return this.#position;
  }

  /** The next bytes, at most `most`; undefined at the end of the stream. They stay valid. */
  async some(most: number): Promise<Uint8Array | undefined> {
    while (this.#chunk.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) {
        return undefined;
      }
      this.#chunk = next.value;
    }
    const bytes = this.#chunk.subarray(0, most);
    this.#chunk = this.#chunk.subarray(bytes.length);
    this.#position += bytes.length;
    return bytes;
  }

  /** The next `length` bytes, fewer only at the end of the stream. */
  async exactly(length: number): Promise<Uint8Array> {
    if (this.#chunk.length >= length) {
      const bytes = this.#chunk.subarray(0, length);
      this.#chunk = this.#chunk.subarray(length);
      this.#position += length;
      return bytes;
    }
    const parts: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part === undefined) {
        break;
      }
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** Passes over `length` bytes; returns how many there were. */
  async skip(length: number): Promise<number> {
    let missing = length;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part === undefined) {
        break;
      }
      missing -= part.length;
    }
    return length - missing;
  }

  /** Ends the stream early. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
