import { setTimeout as delay } from "node:timers/promises";
import { LamellaError } from "../../error.ts";
import type { WheelFile } from "../lock.ts";
import { WheelDownloadError } from "../resolution-error.ts";

export interface RetryOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds before the second attempt, doubled for each further one. */
  readonly firstPause: number;
  /** How many bytes have come in all: much progress makes the count of attempts begin anew. */
  readonly received?: () => number;
}

/** Attempts in a row without progress before a fault is final. */
const attempts = 5;

/** The longest that a server may make us wait by Retry-After, in milliseconds. */
const longestPause = 60_000;

/** Progress, in bytes, that makes the count of attempts begin anew. */
const worthwhileProgress = 1024 * 1024;

/** A status that may be another one soon. */
export class PassingFault extends Error {
  /** Milliseconds, where the server said it. */
  readonly retryAfter: number | undefined;

  constructor(message: string, retryAfter: number | undefined) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** Repeats work on a wheel that ends in a passing fault. Typed errors are final. Raises WheelDownloadError. */
export async function retry<T>(
  wheel: WheelFile,
  { signal, firstPause, received = () => 0 }: RetryOptions,
  work: () => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; ) {
    const before = received();
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof LamellaError) throw error;
      failures = received() - before >= worthwhileProgress ? 1 : failures + 1;
      if (failures >= attempts || isFinal(error)) {
        throw new WheelDownloadError(
          `${wheel.filename} could not be downloaded from ${new URL(wheel.url).host}: ${causeOf(error)}.`,
          "Check the network and the proxy (HTTPS_PROXY), then run the command again: it continues where it stopped.",
          { cause: error },
        );
      }
      const pause = firstPause * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
      const asked = error instanceof PassingFault ? error.retryAfter : undefined;
      await delay(Math.min(asked ?? pause, longestPause), undefined, {
        ...(signal && { signal }),
      });
    }
  }
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
