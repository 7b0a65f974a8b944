import pLimit, { type LimitFunction } from "p-limit";
import * as z from "zod/mini";
import type { Digest } from "../files/digest.ts";
import type { DigestMemo } from "../files/digest-memo.ts";
import { DigestMismatchError } from "../store/error.ts";
import type { Store } from "../store/store.ts";
import { askSize } from "./download/ask-size.ts";
import type { FetchedWheel } from "./download/fetched-wheel.ts";
import { checkLocalWheel, localWheelSize } from "./download/local-wheel.ts";
import { type ReceiveOptions, receive, type Transfer } from "./download/receive.ts";
import { type RetryOptions, retry } from "./download/retry.ts";
import { wrongHash } from "./download/wrong-wheel.ts";
import type { WheelFile } from "./lock.ts";
import type { Environment } from "./package-index/pip-settings.ts";
import { type IndexSettings, readIndexSettings } from "./package-index/settings.ts";
import { IndexTransport, shown } from "./package-index/transport.ts";

export interface DownloaderOptions {
  readonly store: Store;
  readonly env: Environment;
  /** The machine's, where they are read already; with those of the calls, so that their credentials are known. */
  readonly settings?: IndexSettings | undefined;
  /** Remembers hashes of wheels in folders of this machine. */
  readonly memo?: DigestMemo | undefined;
  /** Downloads at once; 8 where absent. */
  readonly connections?: number;
  /** Milliseconds before the second attempt, doubled for each further one; 250 where absent. */
  readonly firstPause?: number;
}

/** Brings wheels into the store. Ends its connections when it is disposed of. */
export class WheelDownloader implements AsyncDisposable {
  readonly #store: Store;
  readonly #memo: DigestMemo | undefined;
  readonly #transport: IndexTransport;
  readonly #limit: LimitFunction;
  readonly #firstPause: number;

  private constructor(options: DownloaderOptions, settings: IndexSettings) {
    const connections = options.connections ?? 8;
    this.#store = options.store;
    this.#memo = options.memo;
    this.#transport = new IndexTransport({ env: options.env, settings, connections });
    this.#limit = pLimit(connections);
    this.#firstPause = options.firstPause ?? 250;
  }

  /** Nothing is connected to yet. Raises IndexSettingsError where the machine's settings cannot be read. */
  static async open(options: DownloaderOptions): Promise<WheelDownloader> {
    const settings = options.settings ?? (await readIndexSettings({ env: options.env }));
    return new WheelDownloader(options, settings);
  }

  /**
   * Gives the wheel's file, downloading it where the store does not have it. What an earlier attempt left is continued.
   *
   * Raises WheelNotFoundError, WheelHashError (bytes or length are not those of the lock), IndexUnauthorizedError,
   * WheelDownloadError after retries, DiskFullError.
   */
  async fetch(wheel: WheelFile, options: ReceiveOptions = {}): Promise<FetchedWheel> {
    options.signal?.throwIfAborted();
    if (wheel.url.startsWith("file:"))
      return await checkLocalWheel(wheel, this.#memo, options.signal);
    const digest: Digest = `sha256:${wheel.sha256}`;
    const there = await this.#store.blobs.has(digest);
    if (there !== undefined) return { path: this.#store.blobs.path(digest), size: there };
    return await this.#limit(() => this.#download(wheel, digest, options));
  }

  /**
   * The wheel's length in bytes: from the lock, a memo, the store, or asked from the server without the content. A
   * server's word is not checked before the wheel is fetched. Raises as {@link fetch} does.
   */
  async size(wheel: WheelFile, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    if (wheel.size !== undefined) return wheel.size;
    if (wheel.url.startsWith("file:")) return await localWheelSize(wheel);
    const size = z.int().check(z.nonnegative());
    const remembered = await this.#store.memos.get("wheel-size", wheel.sha256, (value) =>
      z.parse(size, value),
    );
    if (remembered !== undefined) return remembered;
    const asked =
      (await this.#store.blobs.has(`sha256:${wheel.sha256}`)) ??
      (await this.#limit(() =>
        retry(wheel, this.#retryOptions(options.signal), () =>
          askSize(this.#transport, wheel, options.signal),
        ),
      ));
    // Also of a wheel that is here: the memo may travel where the wheel does not.
    await this.#store.memos.put("wheel-size", wheel.sha256, asked);
    return asked;
  }

  async #download(
    wheel: WheelFile,
    digest: Digest,
    options: ReceiveOptions,
  ): Promise<FetchedWheel> {
    const { blobs } = this.#store;
    // A partial file or a broken proxy may have spoilt the content: it gets one more chance, from its first byte.
    for (let spoilt = 0; ; spoilt++) {
      const transfer: Transfer = { ranges: true, received: 0 };
      const retries = { ...this.#retryOptions(options.signal), received: () => transfer.received };
      try {
        const size = await retry(wheel, retries, async () => {
          await using writer = await blobs.partial(digest, { signal: options.signal });
          // Another process may have finished it while we waited for the writer.
          const there = await blobs.has(digest);
          if (there !== undefined) return there;
          await receive(this.#transport, wheel, writer, transfer, options);
          return (await writer.commit()).size;
        });
        return { path: blobs.path(digest), size };
      } catch (error) {
        if (!(error instanceof DigestMismatchError)) throw error;
        if (spoilt > 0) throw wrongHash(wheel, shown(new URL(wheel.url)), error);
      }
    }
  }

  #retryOptions(signal: AbortSignal | undefined): RetryOptions {
    return { signal, firstPause: this.#firstPause };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }
}
