import { createHash } from "node:crypto";
import { writeSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { isMainThread } from "node:worker_threads";
import type { Digest } from "../files/digest.ts";
import type { ByteSink } from "../files/sink.ts";
import { spend } from "../files/spent-memory.ts";
import { DigestMismatchError, storeFault } from "./error.ts";

/** What was committed. */
export interface StoredBlob {
  readonly digest: Digest;
  /** Length in bytes. */
  readonly size: number;
}

export interface BlobWriterOptions {
  /** Where the bytes are until they are committed. */
  readonly temporaryPath: string;
  /** Where a blob of this digest belongs, on the same filesystem. */
  readonly pathOf: (digest: Digest) => string;
  readonly expected?: Digest | undefined;
  /** Whether to continue what is at `temporaryPath`, and to keep it there when it is not committed. */
  readonly resume?: boolean;
  /** Disposed of when the writer is. */
  readonly lock?: AsyncDisposable | undefined;
}

// Bytes. Large enough that a system call costs nothing beside its copy, small enough for many writers at once.
const bufferSize = 256 * 1024;

/**
 * Takes the bytes of one blob and hashes them on their way to a temporary file; {@link BlobWriter.commit} gives it its
 * name. Await what `write` returns before the next call.
 *
 * In a worker thread writes are synchronous, the shortest way. On the main thread they run beside it, one behind what
 * is being filled, so that a slow disk does not stop the event loop.
 */
export class BlobWriter implements ByteSink, AsyncDisposable {
  /** Bytes that were there when the writer was opened: where a download continues. */
  readonly offset: number;
  readonly #options: BlobWriterOptions;
  readonly #file: FileHandle;
  readonly #hash = createHash("sha256");
  readonly #synchronous = !isMainThread;
  #buffer: Buffer = Buffer.allocUnsafeSlow(bufferSize);
  #spare: Buffer | undefined;
  #used = 0;
  #size = 0;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown;
  #state: "open" | "committed" | "closed" = "open";

  private constructor(options: BlobWriterOptions, file: FileHandle, offset: number) {
    this.#options = options;
    this.#file = file;
    this.offset = offset;
  }

  static async open(options: BlobWriterOptions): Promise<BlobWriter> {
    const { temporaryPath, resume } = options;
    let file: FileHandle | undefined;
    try {
      file = await open(temporaryPath, resume === true ? "a+" : "ax", 0o644);
      const writer = new BlobWriter(options, file, resume === true ? (await file.stat()).size : 0);
      await writer.#hashEarlier();
      return writer;
    } catch (error) {
      await file?.close();
      throw storeFault(error, temporaryPath);
    }
  }

  async #hashEarlier(): Promise<void> {
    while (this.#size < this.offset) {
      const { bytesRead } = await this.#file.read(this.#buffer, 0, bufferSize, this.#size);
      if (bytesRead === 0) throw new Error(`${this.#options.temporaryPath} became shorter.`);
      this.#hash.update(this.#buffer.subarray(0, bytesRead));
      this.#size += bytesRead;
    }
  }

  /** Takes the next bytes. Raises DiskFullError. */
  write(chunk: Uint8Array): Promise<void> | void {
    if (this.#used + chunk.length <= bufferSize) {
      this.#buffer.set(chunk, this.#used);
      this.#used += chunk.length;
      return;
    }
    if (!this.#synchronous) return this.#writeBeside(chunk);
    this.#writeNow(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
    if (chunk.length >= bufferSize) {
      this.#writeNow(chunk);
    } else {
      this.#buffer.set(chunk);
      this.#used = chunk.length;
    }
  }

  #writeNow(bytes: Uint8Array): void {
    this.#take(bytes);
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#file.fd, bytes, done);
      }
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async #writeBeside(chunk: Uint8Array): Promise<void> {
    // What fills it are the pieces of a download, each a buffer of its own.
    spend(bufferSize);
    await this.#writing;
    const full = this.#buffer.subarray(0, this.#used);
    [this.#buffer, this.#spare] = [this.#spare ?? Buffer.allocUnsafeSlow(bufferSize), this.#buffer];
    this.#used = 0;
    this.#writing = this.#writeLater(full);
    // Whoever writes or commits next gets the failure.
    this.#writing.catch(() => {});
    if (chunk.length >= bufferSize) {
      await this.#writing;
      await this.#writeLater(chunk);
    } else {
      this.#buffer.set(chunk);
      this.#used = chunk.length;
    }
  }

  async #writeLater(bytes: Uint8Array): Promise<void> {
    this.#take(bytes);
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#file.write(bytes, done)).bytesWritten;
      }
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#state !== "open") throw new Error("Written to a blob that is finished.");
    this.#hash.update(bytes);
    this.#size += bytes.length;
  }

  #fail(error: unknown): unknown {
    this.#failure = storeFault(error, this.#options.temporaryPath);
    return this.#failure;
  }

  /**
   * Puts the blob into the store. There may be one of that digest already. Raises {@link DigestMismatchError}, and keeps
   * nothing, where another digest was expected; raises DiskFullError.
   */
  async commit(): Promise<StoredBlob> {
    const { temporaryPath, pathOf, expected } = this.#options;
    await this.#flush();
    this.#state = "committed";
    await this.#file.close();
    const digest: Digest = `sha256:${this.#hash.digest("hex")}`;
    if (expected !== undefined && digest !== expected) {
      await rm(temporaryPath, { force: true });
      throw new DigestMismatchError(
        `Expected the content of ${expected}, but what came has ${digest} (${this.#size} bytes).`,
        "Try again; if it stays so, the source is damaged or lies.",
      );
    }
    try {
      await rename(temporaryPath, pathOf(digest));
    } catch (error) {
      await rm(temporaryPath, { force: true });
      throw storeFault(error, pathOf(digest));
    }
    return { digest, size: this.#size };
  }

  async #flush(): Promise<void> {
    await this.#writing;
    await this.#writeLater(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { temporaryPath, resume, lock } = this.#options;
    await using _ = lock ?? { [Symbol.asyncDispose]: async () => {} };
    if (this.#state !== "open") return;
    try {
      // What is kept is a beginning of the content at any time; a fault only makes it shorter.
      if (resume === true) await this.#flush().catch(() => {});
      else await this.#writing.catch(() => {});
    } finally {
      this.#state = "closed";
      await this.#file.close();
      // Nothing to go on with, and perhaps nobody ever will: the blob can be there already.
      if (resume !== true || this.#size === 0) await rm(temporaryPath, { force: true });
    }
  }
}
