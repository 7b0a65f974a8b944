import { createHash } from "node:crypto";
import { type BigIntStats, createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pLimit, { type LimitFunction } from "p-limit";
import * as z from "zod/mini";
import { LamellaError } from "../error.ts";
import type { Digest } from "../files/digest.ts";
import type { DigestMemo } from "../files/digest-memo.ts";
import type { BlobWriter } from "../store/blob-writer.ts";
import { DigestMismatchError } from "../store/error.ts";
import type { Store } from "../store/store.ts";
import type { WheelFile } from "./lock.ts";
import type { Environment } from "./package-index/pip-settings.ts";
import { type IndexSettings, readIndexSettings } from "./package-index/settings.ts";
import { type IndexResponse, IndexTransport, shown } from "./package-index/transport.ts";
import { WheelDownloadError, WheelHashError, WheelNotFoundError } from "./resolution-error.ts";

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

/** A wheel on this machine, its hash checked. */
export interface FetchedWheel {
  /** In the store; for a `file:` wheel, where it lies. */
  readonly path: string;
  /** Length in bytes. */
  readonly size: number;
}

export interface FetchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes arrive, with how many of how many are there. `total` is unknown where the server does not say. */
  readonly onProgress?: ((done: number, total: number | undefined) => void) | undefined;
}

/** Attempts in a row without progress before a fault is final. */
const attempts = 5;

/** The longest that a server may make us wait by Retry-After, in milliseconds. */
const longestPause = 60_000;

/** Progress, in bytes, that makes the count of attempts begin anew. */
const worthwhileProgress = 1024 * 1024;

/** The largest wheel that is downloaded when nothing says its size, in bytes. */
const maximumSize = 16 * 1024 ** 3;

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
  async fetch(wheel: WheelFile, options: FetchOptions = {}): Promise<FetchedWheel> {
    options.signal?.throwIfAborted();
    if (wheel.url.startsWith("file:")) return await this.#checkLocal(wheel, options.signal);
    const digest: Digest = `sha256:${wheel.sha256}`;
    const there = await this.#store.blobs.has(digest);
    if (there !== undefined) return { path: this.#store.blobs.path(digest), size: there };
    return await this.#limit(() => this.#download(wheel, digest, options));
  }

  /**
   * The wheel's length in bytes: from the lock, the store, a memo, or asked from the server without the content. A
   * server's word is not checked before the wheel is fetched. Raises as {@link fetch} does.
   */
  async size(wheel: WheelFile, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    if (wheel.size !== undefined) return wheel.size;
    if (wheel.url.startsWith("file:")) return (await localStat(wheel)).size;
    const there = await this.#store.blobs.has(`sha256:${wheel.sha256}`);
    if (there !== undefined) return there;
    const size = z.int().check(z.nonnegative());
    const remembered = await this.#store.memos.get("wheel-size", wheel.sha256, (value) =>
      z.parse(size, value),
    );
    if (remembered !== undefined) return remembered;
    const asked = await this.#limit(() =>
      this.#retry(wheel, options.signal, async () => await this.#askSize(wheel, options.signal)),
    );
    await this.#store.memos.put("wheel-size", wheel.sha256, asked);
    return asked;
  }

  async #checkLocal(wheel: WheelFile, signal: AbortSignal | undefined): Promise<FetchedWheel> {
    const path = fileURLToPath(wheel.url);
    const before = await localStat(wheel);
    let digest = this.#memo?.lookup(before.stats);
    if (digest === undefined) {
      const hash = createHash("sha256");
      await pipeline(createReadStream(path), hash, { signal });
      digest = `sha256:${hash.digest("hex")}`;
      const after = await localStat(wheel);
      const same = (["size", "mtimeNs", "ctimeNs"] as const).every(
        (key) => before.stats[key] === after.stats[key],
      );
      if (same) this.#memo?.remember(before.stats, digest);
    }
    if (digest !== `sha256:${wheel.sha256}`) throw wrongHash(wheel, path);
    return { path, size: before.size };
  }

  async #download(wheel: WheelFile, digest: Digest, options: FetchOptions): Promise<FetchedWheel> {
    const { blobs } = this.#store;
    // A partial file or a broken proxy may have spoilt the content: it gets one more chance, from its first byte.
    for (let spoilt = 0; ; spoilt++) {
      const attempt: Attempt = { range: true, received: 0 };
      try {
        const size = await this.#retry(
          wheel,
          options.signal,
          async () => {
            await using writer = await blobs.partial(digest, { signal: options.signal });
            // Another process may have finished it while we waited for the writer.
            const there = await blobs.has(digest);
            if (there !== undefined) return there;
            await this.#receive(wheel, writer, attempt, options);
            return (await writer.commit()).size;
          },
          attempt,
        );
        return { path: blobs.path(digest), size };
      } catch (error) {
        if (!(error instanceof DigestMismatchError)) throw error;
        if (spoilt > 0) throw wrongHash(wheel, shown(new URL(wheel.url)), error);
      }
    }
  }

  /** Writes what is missing. Returns when all is there, as far as the server says; the commit tells whether it is. */
  async #receive(
    wheel: WheelFile,
    writer: BlobWriter,
    attempt: Attempt,
    { signal, onProgress }: FetchOptions,
  ): Promise<void> {
    const { offset } = writer;
    if (wheel.size !== undefined && offset >= wheel.size) return;
    const continues = offset > 0 && attempt.range;
    const response = await this.#transport.request(wheel.url, {
      method: "GET",
      ...(continues && { headers: { range: `bytes=${offset}-` } }),
      signal,
    });
    // The server has less than we: what we have is spoilt, and the commit will find that.
    if (continues && response.status === 416) {
      await response.discard();
      return;
    }
    await checkStatus(response, wheel);
    const start = response.status === 206 ? startOfRange(response) : 0;
    if (start === undefined || (response.status === 206 && start !== offset)) {
      attempt.range = false;
      await response.discard();
      throw new Error("the server answered with another range than was asked for");
    }
    const length = contentLength(response);
    const total = length === undefined ? wheel.size : start + length;
    const limit = wheel.size ?? maximumSize;
    if ((total ?? 0) > limit || (wheel.size !== undefined && total !== wheel.size)) {
      await response.discard();
      throw wrongSize(wheel, total);
    }
    // A server that does not know ranges sends all: what we have already is passed over.
    let passOver = offset - start;
    let done = offset;
    for await (const chunk of response.body) {
      const skipped = Math.min(passOver, chunk.length);
      passOver -= skipped;
      const fresh = chunk.subarray(skipped);
      done += fresh.length;
      if (done > limit) throw wrongSize(wheel, done);
      await writer.write(fresh);
      attempt.received += fresh.length;
      onProgress?.(done, total);
    }
    if (total !== undefined && done < total)
      throw new Error(`the connection ended after ${done} bytes`);
  }

  async #askSize(wheel: WheelFile, signal: AbortSignal | undefined): Promise<number> {
    const head = await this.#transport
      .request(wheel.url, { method: "HEAD", signal })
      .catch((error: unknown) => {
        // Signed addresses are often signed for GET alone and refuse HEAD with 403.
        if (error instanceof LamellaError) return undefined;
        throw error;
      });
    const length = head?.status === 200 ? contentLength(head) : undefined;
    await head?.discard();
    if (length !== undefined) return length;
    const first = await this.#transport.request(wheel.url, {
      method: "GET",
      headers: { range: "bytes=0-0" },
      signal,
    });
    await checkStatus(first, wheel);
    const total =
      first.status === 206
        ? /^bytes 0-\d+\/(\d{1,15})$/.exec(first.header("content-range") ?? "")?.[1]
        : contentLength(first);
    await first.discard();
    if (total === undefined) {
      throw new WheelDownloadError(
        `${shown(new URL(wheel.url))} does not say how long it is.`,
        "Ask who runs the package index: it answers neither HEAD nor Range requests.",
      );
    }
    return Number(total);
  }

  /** Repeats work that ends in a passing fault. Typed errors are final. */
  async #retry<T>(
    wheel: WheelFile,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
    attempt: Attempt = { range: true, received: 0 },
  ): Promise<T> {
    for (let failures = 0; ; ) {
      const before = attempt.received;
      try {
        return await work();
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof LamellaError) throw error;
        failures = attempt.received - before >= worthwhileProgress ? 1 : failures + 1;
        if (failures >= attempts || isFinal(error)) {
          throw new WheelDownloadError(
            `${wheel.filename} could not be downloaded from ${new URL(wheel.url).host}: ${causeOf(error)}.`,
            "Check the network and the proxy (HTTPS_PROXY), then run the command again: it continues where it stopped.",
            { cause: error },
          );
        }
        const pause = this.#firstPause * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
        const asked = error instanceof PassingFault ? error.retryAfter : undefined;
        await delay(Math.min(asked ?? pause, longestPause), undefined, {
          ...(signal && { signal }),
        });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }
}

/** What attempts at one file tell each other. */
interface Attempt {
  /** Whether the server is asked for ranges. */
  range: boolean;
  /** Bytes written in all. */
  received: number;
}

/** A status that may be another one soon. */
class PassingFault extends Error {
  /** Milliseconds, where the server said it. */
  readonly retryAfter: number | undefined;

  constructor(message: string, retryAfter: number | undefined) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

async function checkStatus(response: IndexResponse, wheel: WheelFile): Promise<void> {
  const { status } = response;
  if (status === 200 || status === 206) return;
  await response.discard();
  const url = shown(new URL(wheel.url));
  if (status === 404 || status === 410) {
    throw new WheelNotFoundError(
      `${url} is not there (HTTP ${status}).`,
      "It may have been removed from the index: resolve anew (--upgrade, or lamella lock FILE).",
    );
  }
  if (status === 408 || status === 429 || status >= 500) {
    throw new PassingFault(`HTTP ${status}`, parseRetryAfter(response.header("retry-after")));
  }
  throw new WheelDownloadError(
    `${url} answered with HTTP ${status}.`,
    "Ask who runs the package index.",
  );
}

/** RFC 9110 §10.2.3: seconds, or a date. In milliseconds. */
export function parseRetryAfter(
  value: string | undefined,
  now: number = Date.now(),
): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function startOfRange(response: IndexResponse): number | undefined {
  const [, start] = /^bytes (\d{1,15})-\d+\//.exec(response.header("content-range") ?? "") ?? [];
  return start === undefined ? undefined : Number(start);
}

function contentLength(response: IndexResponse): number | undefined {
  const value = response.header("content-length");
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

async function localStat(wheel: WheelFile): Promise<{ size: number; stats: BigIntStats }> {
  const path = fileURLToPath(wheel.url);
  try {
    const stats = await stat(path, { bigint: true });
    return { size: Number(stats.size), stats };
  } catch (error) {
    throw new WheelNotFoundError(
      `The wheel ${path} is not there: ${(error as Error).message}.`,
      "Put it back, or resolve anew (--upgrade, or lamella lock FILE).",
      { cause: error },
    );
  }
}

function wrongHash(wheel: WheelFile, where: string, cause?: unknown): WheelHashError {
  return new WheelHashError(
    `${where} is not the wheel that was locked: its SHA-256 is not ${wheel.sha256}.`,
    "If the file was replaced on purpose, resolve anew (--upgrade, or lamella lock FILE); else find out who changed it.",
    { cause },
  );
}

function wrongSize(wheel: WheelFile, size: number | undefined): WheelHashError {
  return new WheelHashError(
    `${shown(new URL(wheel.url))} is not the wheel that was locked: it has ${size ?? "an unknown number of"} bytes, not ${wheel.size ?? `at most ${maximumSize}`}.`,
    "If the file was replaced on purpose, resolve anew (--upgrade, or lamella lock FILE); else find out who changed it.",
  );
}

/** Certificates do not become right by asking again. */
function isFinal(error: unknown): boolean {
  return /CERT|SIGNATURE|SELF_SIGNED|ERR_TLS/.test(errorCode(error));
}

function errorCode(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" ? code : "";
}

function causeOf(error: unknown): string {
  const deepest = error instanceof AggregateError ? error.errors[0] : error;
  return deepest instanceof Error ? deepest.message || errorCode(deepest) : String(deepest);
}
