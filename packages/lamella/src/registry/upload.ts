import type { Descriptor } from "../oci/descriptor.ts";
import { isTransient, RegistryError, RegistryProtocolError, requestedPause } from "./error.ts";
import type { RegistryHost } from "./host.ts";
import { pullScope, pushScope } from "./scope.ts";
import { either } from "./session.ts";
import type { HttpResponse } from "./transport/http.ts";
import { countsAsProgress, pause, pauseAfter } from "./transport/retry.ts";

type Blob = Pick<Descriptor, "digest" | "size">;

/** Streams a blob's bytes from an offset on; called anew for each attempt. */
export type OpenBlob = (offset: number) => AsyncIterable<Uint8Array>;

export interface UploadOptions {
  /** Told how many bytes of the blob have been sent. It falls back when a part has to be sent again. */
  readonly onProgress?: (sent: number) => void;
  readonly signal?: AbortSignal;
}

/** An upload session: the address that takes the blob. It changes with every answer. */
export type UploadLocation = URL;

/** Length in bytes of a blob of a repository; nothing where it is not there. */
export async function statBlob(
  host: RegistryHost,
  repository: string,
  digest: Blob["digest"],
  scopes: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const what = `look for the blob ${digest} of ${repository}`;
  const response = await host.send({
    method: "HEAD",
    target: `${repository}/blobs/${digest}`,
    scopes,
    what,
    ...(signal !== undefined && { signal }),
  });
  const length = Number(response.header("content-length") ?? Number.NaN);
  if (response.status === 404) {
    await response.discard();
    return undefined;
  }
  if (response.status !== 200) throw await host.failure(response, what);
  await response.discard();
  if (!Number.isSafeInteger(length)) {
    throw new RegistryProtocolError(
      host.endpoint.registry,
      `${host.endpoint.registry} does not say how long the blob ${digest} of ${repository} is.`,
      "Look for a proxy before the registry that takes Content-Length away.",
    );
  }
  return length;
}

/**
 * Asks the registry to take a blob from another of its repositories (distribution-spec, "Mounting a blob").
 *
 * @returns `mounted`, or the upload session that the registry opened instead, or nothing where it does neither
 */
export async function mountBlob(
  host: RegistryHost,
  repository: string,
  digest: Blob["digest"],
  from: string,
  signal: AbortSignal | undefined,
): Promise<"mounted" | UploadLocation | undefined> {
  const query = new URLSearchParams({ mount: digest, from });
  const what = `mount the blob ${digest} of ${from} into ${repository}`;
  let response: HttpResponse;
  try {
    response = await host.send({
      method: "POST",
      target: `${repository}/blobs/uploads/?${query.toString()}`,
      scopes: [pushScope(repository), pullScope(from)],
      what,
      ...(signal !== undefined && { signal }),
    });
  } catch (error) {
    // Who may not pull from there may still push here; a plain upload says whether.
    if (error instanceof RegistryError && !isTransient(error)) return undefined;
    throw error;
  }
  await response.discard();
  if (response.status === 201) return "mounted";
  return response.status === 202 ? locationOf(host, response, what) : undefined;
}

/**
 * Uploads a blob in one request. After a fault the registry is asked how much of it has arrived, and the rest is sent
 * as one chunk; being the last one it may be shorter than `OCI-Chunk-Min-Length`. Where the registry has lost the
 * session (the CNCF distribution 2.8 loses each interrupted one), the upload begins anew.
 *
 * @param session one that a refused mount opened
 * @throws what `open` raises, as it is
 */
export async function uploadBlob(
  host: RegistryHost,
  repository: string,
  blob: Blob,
  open: OpenBlob,
  options: UploadOptions,
  session?: UploadLocation,
): Promise<void> {
  const signal = either(host.session, options.signal);
  const { retry } = host.session;
  let upload: Upload = { location: session ?? (await start(host, repository, signal)), offset: 0 };
  for (let failures = 1; ; failures++) {
    const source = countSource(open, blob.size, options.onProgress);
    let problem: unknown;
    try {
      await sendRest(host, repository, blob, upload, source, signal);
      return;
    } catch (error) {
      source.rethrow();
      signal.throwIfAborted();
      problem = error;
    }
    const lostSession = isLostSession(problem);
    if (!(isTransient(problem) || lostSession) || failures >= retry.attempts) throw problem;
    const asked = requestedPause(problem);
    if ((asked ?? 0) > retry.maximumRetryAfter) throw problem;
    await pause(pauseAfter(failures, retry, asked), signal);
    // The answer may be what was lost, and not the bytes.
    const there = await statBlob(host, repository, blob.digest, [pushScope(repository)], signal);
    if (there !== undefined) return;
    const reached = lostSession
      ? undefined
      : await progressOf(host, repository, blob, upload.location, signal);
    if (reached !== undefined && reached.offset - upload.offset >= countsAsProgress) failures = 0;
    upload = reached ?? { location: await start(host, repository, signal), offset: 0 };
  }
}

async function start(
  host: RegistryHost,
  repository: string,
  signal: AbortSignal,
): Promise<UploadLocation> {
  const what = `push to ${repository}`;
  const response = await host.send({
    method: "POST",
    target: `${repository}/blobs/uploads/`,
    scopes: [pushScope(repository)],
    what,
    signal,
  });
  if (response.status !== 202) throw await host.failure(response, what);
  await response.discard();
  return locationOf(host, response, what);
}

interface Upload {
  readonly location: UploadLocation;
  /** Bytes that the registry has. */
  readonly offset: number;
}

async function sendRest(
  host: RegistryHost,
  repository: string,
  blob: Blob,
  { location, offset }: Upload,
  source: CountedSource,
  signal: AbortSignal,
): Promise<void> {
  const what = `push the blob ${blob.digest} to ${repository}`;
  const plain = {
    scopes: [pushScope(repository)],
    headers: { "content-type": "application/octet-stream" },
    traffic: "upload",
    retry: false,
    what,
    signal,
  } as const;
  const rest = { length: blob.size - offset, open: () => source.open(offset) };
  const closing = (target: URL): URL => {
    const url = new URL(target);
    url.searchParams.set("digest", blob.digest);
    return url;
  };
  if (offset === 0) {
    const response = await host.send({
      ...plain,
      method: "PUT",
      target: closing(location),
      body: rest,
    });
    return requireCreated(host, response, what, false);
  }
  let end = location;
  if (rest.length > 0) {
    // distribution-spec, "Pushing a blob in chunks": no unit, both ends included.
    const headers = { ...plain.headers, "content-range": `${offset}-${blob.size - 1}` };
    const response = await host.send({
      ...plain,
      method: "PATCH",
      target: location,
      headers,
      body: rest,
    });
    if (response.status !== 202) throw await uploadFailure(host, response, what, true);
    await response.discard();
    end = locationOf(host, response, what);
  }
  const response = await host.send({
    ...plain,
    method: "PUT",
    target: closing(end),
    body: new Uint8Array(),
  });
  return requireCreated(host, response, what, true);
}

async function requireCreated(
  host: RegistryHost,
  response: HttpResponse,
  what: string,
  resumed: boolean,
): Promise<void> {
  if (response.status !== 201) throw await uploadFailure(host, response, what, resumed);
  await response.discard();
}

/** The session is gone, or has another length than we think. */
class LostSession extends Error {}

function isLostSession(error: unknown): boolean {
  return error instanceof RegistryError && error.cause instanceof LostSession;
}

async function uploadFailure(
  host: RegistryHost,
  response: HttpResponse,
  what: string,
  resumed: boolean,
): Promise<RegistryError> {
  const { status } = response;
  const error = await host.failure(response, what);
  // 400 after a part was sent again: the registry did not count as it said.
  if (status === 404 || status === 416 || (resumed && status === 400))
    error.cause = new LostSession();
  return error;
}

/** How much of an interrupted upload has arrived; nothing where the registry does not say. */
async function progressOf(
  host: RegistryHost,
  repository: string,
  blob: Blob,
  location: UploadLocation,
  signal: AbortSignal,
): Promise<Upload | undefined> {
  const what = `push the blob ${blob.digest} to ${repository}`;
  const response = await host.send({
    method: "GET",
    target: location,
    scopes: [pushScope(repository)],
    what,
    signal,
  });
  await response.discard();
  if (response.status !== 204 && response.status !== 202) return undefined;
  // "0-0" is one byte, and what the CNCF distribution says for none.
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(response.header("range") ?? "")?.[1] ?? 0);
  if (last === 0 || last >= blob.size) return undefined;
  return { location: locationOf(host, response, what), offset: last + 1 };
}

/** `Location` may be relative, and has a query that must be kept. */
function locationOf(host: RegistryHost, response: HttpResponse, what: string): UploadLocation {
  const location = response.header("location");
  const url = location === undefined ? null : URL.parse(location, response.url.href);
  if (url === null) {
    throw new RegistryProtocolError(
      host.endpoint.registry,
      `${host.endpoint.registry} does not say where to upload when asked to ${what}.`,
      "Look for a proxy before the registry that takes the Location header away.",
    );
  }
  return url;
}

interface CountedSource {
  open(offset: number): AsyncIterable<Uint8Array>;
  /** Raises what the source raised: it is no fault of the network. */
  rethrow(): void;
}

function countSource(
  open: OpenBlob,
  size: number,
  onProgress: ((sent: number) => void) | undefined,
): CountedSource {
  let failed: { readonly error: unknown } | undefined;
  return {
    async *open(offset) {
      let sent = offset;
      try {
        for await (const chunk of open(offset)) {
          sent += chunk.length;
          if (sent > size) throw new Error(`A blob of ${size} bytes gives more when it is read.`);
          yield chunk;
          onProgress?.(sent);
        }
        if (sent < size) throw new Error(`A blob of ${size} bytes gives ${sent} when it is read.`);
      } catch (error) {
        failed = { error };
        throw error;
      }
    },
    rethrow() {
      if (failed !== undefined) throw failed.error;
    },
  };
}
