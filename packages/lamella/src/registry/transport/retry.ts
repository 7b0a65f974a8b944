import { setTimeout as delay } from "node:timers/promises";
import type { RetrySettings } from "../settings.ts";

/** An interruption after at least this many new bytes is a first failure again. */
export const countsAsProgress: number = 1024 * 1024;

/**
 * How long to wait before a further attempt, in milliseconds: exponential with "full jitter", so that many builds that
 * failed together do not come back together, but never less than the registry asked for.
 *
 * @param failures how many attempts have failed: 1 or more
 * @param retryAfter what the registry asked for, in milliseconds
 */
export function pauseAfter(
  failures: number,
  settings: RetrySettings,
  retryAfter: number | undefined,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(settings.baseDelay * 2 ** (failures - 1), settings.maximumDelay);
  return Math.max(retryAfter ?? 0, random() * ceiling);
}

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3: seconds or a date) as milliseconds from now. Malformed text is no wish.
 *
 * @param now milliseconds since the epoch
 */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Waits; raises the reason of the signal when it is aborted meanwhile. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
