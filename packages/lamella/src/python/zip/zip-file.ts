import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type InvalidWheelError, invalidWheel } from "../wheel-error.ts";

/**
 * The bytes of a zip that is open for reading. Reads are synchronous: wheels have thousands of small files, and a read
 * from the page cache takes a few microseconds, many times less than a turn through the thread pool.
 */
export class ZipFile implements Disposable {
  readonly path: string;
  /** What errors call the file. */
  readonly label: string;
  /** Length in bytes. */
  readonly size: number;
  readonly #descriptor: number;
  #open = true;

  constructor(path: string, label: string) {
    this.path = path;
    this.label = label;
    this.#descriptor = openSync(path, "r");
    this.size = fstatSync(this.#descriptor).size;
  }

  /** Exactly `length` bytes from `offset`, in memory of their own. Raises {@link InvalidWheelError} past the end. */
  read(offset: number, length: number): Buffer {
    if (!this.#open) throw new Error(`${this.label} is closed.`);
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) {
      const count = readSync(this.#descriptor, bytes, done, length - done, offset + done);
      if (count === 0) throw this.invalid("it ends in the middle of a file; it is truncated");
      done += count;
    }
    return bytes;
  }

  /** The error for a file that breaks a rule; `why` completes "The wheel … cannot be used: ". */
  invalid(why: string, cause?: unknown): InvalidWheelError {
    return invalidWheel(this.label, why, cause);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#descriptor);
  }
}
