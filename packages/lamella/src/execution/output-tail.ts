const longestTail = 8 * 1024;

/** Remembers the last of what a command wrote, for the error that says how it failed. */
export class OutputTail {
  #bytes = Buffer.alloc(0);

  write(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]).subarray(-longestTail);
  }

  /** The last lines that are not empty, at most so many. */
  lines(most: number): string[] {
    const lines = this.#bytes.toString().split(/[\r\n]+/);
    // The first may be the end of a longer one.
    if (this.#bytes.length === longestTail) lines.shift();
    return lines.filter((line) => line.trim() !== "").slice(-most);
  }
}
