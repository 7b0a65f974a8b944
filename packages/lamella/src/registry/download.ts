import { createHash } from "node:crypto";
import type { Descriptor } from "../oci/descriptor.ts";
import {
  RegistryContentError,
  RegistryNotFoundError,
  RegistryProtocolError,
  type RegistryUnreachableError,
} from "./error.ts";
import type { RegistryHost } from "./host.ts";
import { pullScope } from "./scope.ts";
import { either } from "./session.ts";
import { registryUnreachable } from "./transport/fault.ts";
import type { HttpResponse } from "./transport/http.ts";
import { countsAsProgress, pause, pauseAfter } from "./transport/retry.ts";

export interface DownloadOptions {
  /** Where to begin, in bytes. */
  readonly offset?: number;
  readonly signal?: AbortSignal;
}

/**
 * Streams a blob, going on where it stopped after an interruption. The size is held to always, and the digest whenever
 * the stream begins at 0: then the last chunk is followed by an error when the bytes were others. Who begins later has
 * the first part, and hashes both.
 *
 * @throws {RegistryContentError} where the bytes are not those of the descriptor
 * @throws {RegistryNotFoundError} where the repository does not have the blob
 */
export async function* downloadBlob(
  host: RegistryHost,
  repository: string,
  blob: Pick<Descriptor, "digest" | "size">,
  { offset = 0, signal }: DownloadOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { session } = host;
  const { registry } = host.endpoint;
  const { digest, size } = blob;
  const what = `pull the blob ${digest} of ${repository}`;
  const hash = offset === 0 ? createHash("sha256") : undefined;
  let position = offset;
  let failures = 0;
  let fault: RegistryUnreachableError | undefined;
  while (position < size) {
    const begun = position;
    fault = undefined;
    const response = await host.send({
      method: "GET",
      target: `${repository}/blobs/${digest}`,
      ...(position > 0 && { headers: { range: `bytes=${position}-` } }),
      scopes: [pullScope(repository)],
      traffic: "download",
      what,
      ...(signal !== undefined && { signal }),
    });
    let skip = await bytesToSkip(host, response, position, blob, repository);
    try {
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        const news = skip === 0 ? chunk : chunk.subarray(skip);
        skip -= chunk.length - news.length;
        if (news.length === 0) continue;
        position += news.length;
        if (position > size)
          throw wrongContent(registry, repository, blob, `more than ${size} bytes`);
        hash?.update(news);
        yield news;
      }
    } catch (error) {
      if (error instanceof RegistryContentError) throw error;
      signal?.throwIfAborted();
      session.signal.throwIfAborted();
      fault = registryUnreachable(registry, host.endpoint.host, error, true);
      if (!fault.transient) throw fault;
    }
    if (position === size) break;
    failures = position - begun >= countsAsProgress ? 1 : failures + 1;
    if (failures >= session.retry.attempts) {
      if (fault !== undefined) throw fault;
      throw wrongContent(
        registry,
        repository,
        blob,
        `the stream ends after ${position} of ${size} bytes`,
      );
    }
    await pause(pauseAfter(failures, session.retry, undefined), either(session, signal));
  }
  if (hash === undefined) return;
  const actual = `sha256:${hash.digest("hex")}`;
  if (actual !== digest) throw wrongContent(registry, repository, blob, `they hash to ${actual}`);
}

/** How much of an answer we have already: nothing when it begins where we asked, all so far when it ignores ranges. */
async function bytesToSkip(
  host: RegistryHost,
  response: HttpResponse,
  position: number,
  blob: Pick<Descriptor, "digest" | "size">,
  repository: string,
): Promise<number> {
  const { registry } = host.endpoint;
  const what = `pull the blob ${blob.digest} of ${repository}`;
  if (response.status === 404) {
    await response.discard();
    throw new RegistryNotFoundError(
      registry,
      `${registry}/${repository} has no blob ${blob.digest}.`,
      "It was deleted after the manifest that names it was read, or the registry lost it: push the image again.",
    );
  }
  if (response.status === 200) {
    const length = response.header("content-length");
    if (length !== undefined && Number(length) !== blob.size) {
      await response.discard();
      throw wrongContent(
        registry,
        repository,
        blob,
        `there are ${length} bytes and not ${blob.size}`,
      );
    }
    return position;
  }
  if (response.status === 206) {
    const range = response.header("content-range") ?? "";
    // RFC 9110 §14.4
    const [, first, , total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(range) ?? [];
    if (Number(first) === position && (total === "*" || Number(total) === blob.size)) return 0;
    await response.discard();
    throw new RegistryProtocolError(
      registry,
      `${registry} was asked for ${blob.digest} from byte ${position} and answers with the range ${JSON.stringify(range.slice(0, 100))}.`,
      "Try again. If it persists, look for a proxy or cache before the registry.",
    );
  }
  throw await host.failure(response, what);
}

function wrongContent(
  registry: string,
  repository: string,
  { digest }: Pick<Descriptor, "digest">,
  reason: string,
): RegistryContentError {
  return new RegistryContentError(
    registry,
    `${registry} gives other bytes for ${repository}@${digest} than its digest says: ${reason}.`,
    "Try again. If it persists, the registry, or a cache before it, holds damaged data: push the image again, or use another mirror.",
  );
}
