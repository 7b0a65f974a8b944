import type { BlobWriter } from "../../store/blob-writer.ts";
import type { WheelFile } from "../lock.ts";
import type { IndexTransport } from "../package-index/transport.ts";
import { checkStatus, contentLength, startOfRange } from "./answer.ts";
import { wrongSize } from "./wrong-wheel.ts";

/** What attempts at one wheel tell each other. */
export interface Transfer {
  /** Whether the server is asked for ranges. */
  ranges: boolean;
  /** Bytes written in all. */
  received: number;
}

export interface ReceiveOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes arrive, with how many of how many are there. `total` is unknown where the server does not say. */
  readonly onProgress?: ((done: number, total: number | undefined) => void) | undefined;
}

/** The largest wheel that is downloaded when nothing says its size, in bytes. */
const maximumSize = 16 * 1024 ** 3;

/**
 * Writes what a writer does not have of a wheel. Returns when all is there, as far as the server says; the commit tells
 * whether it is. Raises what {@link checkStatus} does, WheelHashError for another length, and faults as they come.
 */
export async function receive(
  transport: IndexTransport,
  wheel: WheelFile,
  writer: BlobWriter,
  transfer: Transfer,
  { signal, onProgress }: ReceiveOptions,
): Promise<void> {
  const { offset } = writer;
  if (wheel.size !== undefined && offset >= wheel.size) return;
  const continues = offset > 0 && transfer.ranges;
  const response = await transport.request(wheel.url, {
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
    transfer.ranges = false;
    await response.discard();
    throw new Error("the server answered with another range than was asked for");
  }
  const length = contentLength(response);
  const total = length === undefined ? wheel.size : start + length;
  const limit = wheel.size ?? maximumSize;
  if ((total ?? 0) > limit || (wheel.size !== undefined && total !== wheel.size)) {
    await response.discard();
    throw wrongSize(wheel, total, limit);
  }
  // A server that does not know ranges sends all: what we have already is passed over.
  let passOver = offset - start;
  let done = offset;
  for await (const chunk of response.body) {
    const skipped = Math.min(passOver, chunk.length);
    passOver -= skipped;
    const fresh = chunk.subarray(skipped);
    done += fresh.length;
    if (done > limit) throw wrongSize(wheel, done, limit);
    await writer.write(fresh);
    transfer.received += fresh.length;
    onProgress?.(done, total);
  }
  if (total !== undefined && done < total)
    throw new Error(`the connection ended after ${done} bytes`);
}
