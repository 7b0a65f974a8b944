import { LamellaError } from "../../error.ts";
import type { WheelFile } from "../lock.ts";
import { type IndexTransport, shown } from "../package-index/transport.ts";
import { WheelDownloadError } from "../resolution-error.ts";
import { checkStatus, contentLength } from "./answer.ts";

/**
 * The length of a wheel in bytes, as its server says it without giving the content. Raises what {@link checkStatus} does,
 * and WheelDownloadError for a server that does not say it.
 */
export async function askSize(
  transport: IndexTransport,
  wheel: WheelFile,
  signal: AbortSignal | undefined,
): Promise<number> {
  const head = await transport
    .request(wheel.url, { method: "HEAD", signal })
    .catch((error: unknown) => {
      // Signed addresses are often signed for GET alone and refuse HEAD with 403.
      if (error instanceof LamellaError) return undefined;
      throw error;
    });
  const length = head?.status === 200 ? contentLength(head) : undefined;
  await head?.discard();
  if (length !== undefined) return length;
  const first = await transport.request(wheel.url, {
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
