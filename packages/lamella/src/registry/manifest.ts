import { type Digest, isDigest, sha256 } from "../files/digest.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { mediaType } from "../oci/media-type.ts";
import {
  isBlobUnknown,
  RegistryContentError,
  RegistryNotFoundError,
  RegistryProtocolError,
} from "./error.ts";
import type { RegistryHost } from "./host.ts";
import { pullScope, pushScope } from "./scope.ts";
import { either } from "./session.ts";
import { readBounded } from "./transport/body.ts";
import type { HttpResponse } from "./transport/http.ts";
import { pause, pauseAfter } from "./transport/retry.ts";

/** A manifest or an index, in the bytes that its digest is of. */
export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** The specification lets a registry refuse more than 4 MiB; indexes of many platforms with attestations are far less. */
const maximumManifest = 8 * 1024 * 1024;

/** How often a manifest is pushed whose blobs the registry says that it does not know. */
const unknownBlobAttempts = 4;

const accept = [
  mediaType.index,
  mediaType.manifest,
  mediaType.dockerManifestList,
  mediaType.dockerManifest,
].join(", ");

interface Question {
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * What a tag or digest points to, without its bytes.
 *
 * @returns nothing where the registry says that it is not there; whatever keeps it from saying is an error
 */
export async function resolveManifest(
  host: RegistryHost,
  question: Question,
): Promise<Descriptor | undefined> {
  const response = await ask(host, "HEAD", question);
  if (response.status === 404) {
    await response.discard();
    return undefined;
  }
  const type = typeOf(response);
  const size = Number(response.header("content-length") ?? Number.NaN);
  const named = response.header("docker-content-digest");
  await response.discard();
  if (
    response.status === 200 &&
    type !== undefined &&
    Number.isSafeInteger(size) &&
    named !== undefined
  ) {
    if (isDigest(named)) {
      requireAsked(host, question, named);
      return { mediaType: type, digest: named, size };
    }
  }
  // Some registries leave headers out, or do not know HEAD.
  return (await fetchManifest(host, question))?.descriptor;
}

/**
 * The manifest or index of a tag or digest.
 *
 * @returns nothing where the registry says that it is not there
 * @throws {RegistryContentError} where the bytes do not have the digest
 * @throws {RegistryProtocolError} where it is no manifest, or longer than 8 MiB
 */
export async function fetchManifest(
  host: RegistryHost,
  question: Question,
): Promise<FetchedManifest | undefined> {
  const { registry } = host.endpoint;
  const what = describe(question);
  const response = await ask(host, "GET", question);
  if (response.status === 404) {
    await response.discard();
    return undefined;
  }
  if (response.status !== 200) throw await host.failure(response, what);
  const bytes = await readAnswer(host, response, what);
  if (bytes === undefined) {
    throw new RegistryProtocolError(
      registry,
      `${registry} gives a manifest longer than ${maximumManifest} bytes when asked to ${what}.`,
      "Check that the reference names an image.",
    );
  }
  const digest = sha256(bytes);
  const named = response.header("docker-content-digest");
  if (named !== undefined && isDigest(named) && named !== digest) {
    throw wrongDigest(host, question, named, digest);
  }
  requireAsked(host, question, digest);
  return {
    descriptor: { mediaType: mediaTypeOf(host, response, bytes, what), digest, size: bytes.length },
    bytes,
  };
}

/**
 * Pushes a manifest or an index; what it points to must be there.
 *
 * @returns its digest
 */
export async function pushManifest(
  host: RegistryHost,
  question: Question,
  bytes: Uint8Array,
  type: string,
): Promise<Digest> {
  const { repository, reference, signal } = question;
  const { registry } = host.endpoint;
  const digest = sha256(bytes);
  requireAsked(host, question, digest);
  const what = `push ${name(question)}`;
  const response = await untilBlobsAreKnown(host, question, async () => {
    const answer = await host.send({
      method: "PUT",
      target: `${repository}/manifests/${reference}`,
      headers: { "content-type": type },
      body: bytes,
      scopes: [pushScope(repository)],
      what,
      ...(signal !== undefined && { signal }),
    });
    if (answer.status === 201) return answer;
    // It may miss a blob that it had a while ago; the next push asks anew.
    host.forgetBlobs(repository);
    throw await host.failure(answer, what);
  });
  const named = response.header("docker-content-digest");
  await response.discard();
  if (named !== undefined && isDigest(named) && named !== digest) {
    throw new RegistryContentError(
      registry,
      `${registry} stored ${name(question)} as ${named}, and it is ${digest}.`,
      "Something between us and the registry changes what is sent: look for a proxy.",
    );
  }
  return digest;
}

/**
 * Pushes again, a few times, where the registry does not know a blob of the manifest: it may be about to know it. When
 * somebody else pushes the same blob, the CNCF distribution writes anew that the repository has it, and whoever asks in
 * that moment reads nothing.
 */
async function untilBlobsAreKnown(
  { session }: RegistryHost,
  { signal }: Question,
  push: () => Promise<HttpResponse>,
): Promise<HttpResponse> {
  for (let refusals = 1; ; refusals++) {
    try {
      return await push();
    } catch (error) {
      if (!isBlobUnknown(error) || refusals >= unknownBlobAttempts) throw error;
      await pause(pauseAfter(refusals, session.retry, undefined), either(session, signal));
    }
  }
}

/** The typed error of those who cannot do without. */
export function manifestNotFound(
  registry: string,
  repository: string,
  reference: string,
): RegistryNotFoundError {
  return new RegistryNotFoundError(
    registry,
    `${registry} has no ${name({ repository, reference })}.`,
    "Check the spelling of the name and the tag.",
  );
}

function ask(
  host: RegistryHost,
  method: "GET" | "HEAD",
  question: Question,
): Promise<HttpResponse> {
  const { repository, reference, signal } = question;
  return host.send({
    method,
    target: `${repository}/manifests/${reference}`,
    headers: { accept },
    scopes: [pullScope(repository)],
    what: describe(question),
    ...(signal !== undefined && { signal }),
  });
}

async function readAnswer(
  host: RegistryHost,
  response: HttpResponse,
  what: string,
): Promise<Uint8Array | undefined> {
  try {
    return await readBounded(response.body, maximumManifest);
  } catch (error) {
    host.session.signal.throwIfAborted();
    throw new RegistryProtocolError(
      host.endpoint.registry,
      `${host.endpoint.registry} breaks off its answer when asked to ${what}.`,
      "Try again.",
      { cause: error },
    );
  }
}

/**
 * Header and document must agree: one document that is read as a manifest by one and as an index by the other has two
 * meanings (image-spec manifest.md, "mediaType").
 */
function mediaTypeOf(
  host: RegistryHost,
  response: HttpResponse,
  bytes: Uint8Array,
  what: string,
): string {
  const { registry } = host.endpoint;
  const header = typeOf(response);
  const document = parseObject(bytes);
  if (document === undefined) {
    throw new RegistryProtocolError(
      registry,
      `${registry} gives no manifest when asked to ${what}, but ${header ?? "something without a type"}.`,
      "Check that this host is a container registry, and not a web page before it.",
    );
  }
  const own = document["mediaType"];
  const known = header !== undefined && header.startsWith("application/vnd.") ? header : undefined;
  if (typeof own === "string" && known !== undefined && own !== known) {
    throw new RegistryProtocolError(
      registry,
      `${registry} says that the manifest is ${known}, and the manifest that it is ${JSON.stringify(own.slice(0, 100))}, when asked to ${what}.`,
      "The image was pushed wrongly: push it again.",
    );
  }
  return known ?? (typeof own === "string" ? own : mediaType.manifest);
}

function parseObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function typeOf(response: HttpResponse): string | undefined {
  const type = response.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  return type === "" ? undefined : type;
}

function requireAsked(host: RegistryHost, question: Question, digest: Digest): void {
  if (isDigest(question.reference) && question.reference !== digest) {
    throw wrongDigest(host, question, question.reference, digest);
  }
}

function wrongDigest(
  host: RegistryHost,
  question: Question,
  expected: string,
  actual: string,
): RegistryContentError {
  const { registry } = host.endpoint;
  return new RegistryContentError(
    registry,
    `${registry} gives another manifest for ${name(question)} than it should: ${actual} and not ${expected}.`,
    "Try again. If it persists, the registry, or a cache before it, holds damaged data: push the image again, or use another mirror.",
  );
}

function describe(question: Question): string {
  return `pull ${name(question)}`;
}

function name({ repository, reference }: Pick<Question, "repository" | "reference">): string {
  return `${repository}${isDigest(reference) ? "@" : ":"}${reference}`;
}
