import type { Writable } from "node:stream";

/** What the CLI needs of a stream to write to it; `process.stdout` and `process.stderr` are two. */
export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** Of a terminal; undefined for a file or a pipe. */
  readonly columns?: number;
  readonly rows?: number;
  on?(event: "resize", listener: () => void): unknown;
  off?(event: "resize", listener: () => void): unknown;
}

/**
 * Lets a reader go away (`lamella plan | head`): what is written after that is lost, and the work goes on. Any other
 * fault of the stream is thrown.
 */
export function ignoreBrokenPipe(stream: Writable): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

/** Resolves when all that was written has left the process, or never can. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) return resolve();
    stream.once("close", resolve);
    stream.write("", () => resolve());
  });
}
