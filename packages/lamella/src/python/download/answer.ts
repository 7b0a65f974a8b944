import type { WheelFile } from "../lock.ts";
import { type IndexResponse, shown } from "../package-index/transport.ts";
import { WheelDownloadError, WheelNotFoundError } from "../resolution-error.ts";
import { PassingFault } from "./retry.ts";
import { parseRetryAfter } from "./retry-after.ts";

/**
 * Passes an answer that has a wheel's content, and discards any other. Raises WheelNotFoundError, WheelDownloadError, and
 * a {@link PassingFault} for what may be better soon.
 */
export async function checkStatus(response: IndexResponse, wheel: WheelFile): Promise<void> {
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

/** Where the content of an answer of status 206 begins, in bytes; undefined where it does not say. */
export function startOfRange(response: IndexResponse): number | undefined {
  const [, start] = /^bytes (\d{1,15})-\d+\//.exec(response.header("content-range") ?? "") ?? [];
  return start === undefined ? undefined : Number(start);
}

/** The length of an answer's content in bytes; undefined where it does not say. */
export function contentLength(response: IndexResponse): number | undefined {
  const value = response.header("content-length");
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
