import type { Digest } from "../files/digest.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type DownloadOptions, downloadBlob } from "./download.ts";
import {
  RegistryDeniedError,
  RegistryError,
  RegistryNotFoundError,
  RegistryRateLimitedError,
  RegistryUnauthorizedError,
  RegistryUnavailableError,
  RegistryUnreachableError,
} from "./error.ts";
import type { RegistryHost } from "./host.ts";
import {
  type FetchedManifest,
  fetchManifest,
  manifestNotFound,
  pushManifest,
  resolveManifest,
} from "./manifest.ts";
import { pullScope, pushScope } from "./scope.ts";
import {
  mountBlob,
  type OpenBlob,
  statBlob,
  type UploadLocation,
  type UploadOptions,
  uploadBlob,
} from "./upload.ts";

/** One repository at one host, under the name that it has there. */
export interface Source {
  readonly host: RegistryHost;
  readonly repository: string;
}

export interface AskOptions {
  readonly signal?: AbortSignal;
}

export interface PushBlobOptions extends UploadOptions {
  /** A repository that has the blob: where it is of the same registry, the blob is mounted and not sent. */
  readonly mountFrom?: Repository;
}

/** How a blob came to be where it was pushed. */
export type PushedBlob = "exists" | "mounted" | "uploaded";

/**
 * A repository of a registry. What is pulled comes from the mirror where one is configured and has it, else from the
 * registry itself; what is pushed goes to the registry itself.
 */
export class Repository {
  /** The registry's host and the repository's name, as they stand in image references. */
  readonly registry: string;
  readonly repository: string;
  readonly #origin: Source;
  readonly #sources: readonly Source[];
  readonly #uploads: Map<string, Promise<PushedBlob>>;
  #answering: Source;

  /**
   * @param origin where pushes go
   * @param mirror what is asked before it
   * @param uploads blobs on their way, by host, repository and digest: shared by all repositories of a client
   */
  constructor(
    name: { readonly registry: string; readonly repository: string },
    origin: Source,
    mirror: Source | undefined,
    uploads: Map<string, Promise<PushedBlob>>,
  ) {
    this.registry = name.registry;
    this.repository = name.repository;
    this.#origin = origin;
    this.#sources = mirror === undefined ? [origin] : [mirror, origin];
    this.#answering = mirror ?? origin;
    this.#uploads = uploads;
  }

  /** The host that pulls really go to: the one that answered last, and before that the mirror where there is one. */
  get registryHost(): string {
    return this.#answering.host.endpoint.host;
  }

  /** The host that pushes go to. */
  get pushHost(): string {
    return this.#origin.host.endpoint.host;
  }

  /**
   * What a tag or digest points to now.
   *
   * @returns nothing where the registry says that it is not there
   * @throws {RegistryError} where it could not be asked
   */
  resolve(tagOrDigest: string, { signal }: AskOptions = {}): Promise<Descriptor | undefined> {
    return this.#ask(tagOrDigest, (source) =>
      resolveManifest(source.host, {
        repository: source.repository,
        reference: tagOrDigest,
        signal,
      }),
    );
  }

  /**
   * The manifest or index of a tag or digest, its bytes checked against its digest.
   *
   * @throws {RegistryNotFoundError} where it is not there
   */
  async manifest(tagOrDigest: string, { signal }: AskOptions = {}): Promise<FetchedManifest> {
    const found = await this.#ask(tagOrDigest, (source) =>
      fetchManifest(source.host, { repository: source.repository, reference: tagOrDigest, signal }),
    );
    if (found !== undefined) return found;
    const error = manifestNotFound(this.registry, this.repository, tagOrDigest);
    if (this.#sources.length > 1) error.message += ` Neither has its mirror ${this.#mirrorHost}.`;
    throw error;
  }

  /** Length in bytes of a blob; nothing where it is not there. A push of one that is there asks no second time. */
  hasBlob(digest: Digest, { signal }: AskOptions = {}): Promise<number | undefined> {
    return this.#ask(digest, async ({ host, repository }) => {
      const size = await statBlob(host, repository, digest, [pullScope(repository)], signal);
      if (size !== undefined) host.rememberBlob(repository, digest);
      return size;
    });
  }

  /**
   * Streams a blob; see {@link downloadBlob} for what is checked. The source is chosen before the first byte: the one
   * that last answered for this repository first.
   */
  async *blob(
    blob: Pick<Descriptor, "digest" | "size">,
    options: DownloadOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let begun = false;
    const first = this.#answering;
    const others = this.#sources.filter((source) => source !== first);
    for (const [index, { host, repository }] of [first, ...others].entries()) {
      try {
        for await (const chunk of downloadBlob(host, repository, blob, options)) {
          begun = true;
          yield chunk;
        }
        return;
      } catch (error) {
        if (begun || index === others.length || !mayAskAnother(error)) throw error;
      }
    }
  }

  /**
   * Takes a blob over from another repository, without sending it.
   *
   * @returns whether it is here now; `false` where the other lies in another registry, or the registry refuses
   */
  async mount(digest: Digest, from: Repository, { signal }: AskOptions = {}): Promise<boolean> {
    return (await this.#mount(digest, from, signal)) === "mounted";
  }

  /**
   * Brings a blob here: not at all when it is there, by a mount where that works, else by an upload that goes on after
   * interruptions. Two pushes of one blob at a time are one.
   *
   * @param open streams the blob's bytes from an offset; what it raises is passed on
   * @example
   * await target.pushBlob(layer, (offset) => store.blobs.read(layer.digest, { offset }));
   */
  async pushBlob(
    blob: Pick<Descriptor, "digest" | "size">,
    open: OpenBlob,
    options: PushBlobOptions = {},
  ): Promise<PushedBlob> {
    const { host, repository } = this.#origin;
    const key = `${host.endpoint.origin}/${repository}@${blob.digest}`;
    for (;;) {
      options.signal?.throwIfAborted();
      const running = this.#uploads.get(key);
      if (running === undefined) break;
      // Where somebody else's push fails, ours begins: their reason may be theirs alone.
      const done = await settled(running, options.signal);
      if (done) return "exists";
    }
    const push = this.#pushBlob(blob, open, options);
    this.#uploads.set(key, push);
    try {
      return await push;
    } finally {
      this.#uploads.delete(key);
    }
  }

  /**
   * Pushes a manifest or an index under a tag or its digest.
   *
   * @returns its digest
   */
  pushManifest(
    bytes: Uint8Array,
    mediaType: string,
    tagOrDigest: string,
    { signal }: AskOptions = {},
  ): Promise<Digest> {
    const { host, repository } = this.#origin;
    return pushManifest(host, { repository, reference: tagOrDigest, signal }, bytes, mediaType);
  }

  async #pushBlob(
    blob: Pick<Descriptor, "digest" | "size">,
    open: OpenBlob,
    options: PushBlobOptions,
  ): Promise<PushedBlob> {
    const { host, repository } = this.#origin;
    const { digest } = blob;
    const { mountFrom, signal } = options;
    if (host.knowsBlob(repository, digest)) return "exists";
    const there = await statBlob(host, repository, digest, [pushScope(repository)], signal);
    if (there !== undefined) {
      host.rememberBlob(repository, digest);
      return "exists";
    }
    const mounted = mountFrom && (await this.#mount(digest, mountFrom, signal));
    if (mounted === "mounted") return "mounted";
    await uploadBlob(host, repository, blob, open, options, mounted);
    host.rememberBlob(repository, digest);
    return "uploaded";
  }

  async #mount(
    digest: Digest,
    from: Repository,
    signal: AbortSignal | undefined,
  ): Promise<"mounted" | UploadLocation | undefined> {
    const { host, repository } = this.#origin;
    const source = from.#answering;
    if (source.host.endpoint.origin !== host.endpoint.origin) return undefined;
    if (source.repository === repository) return undefined;
    const result = await mountBlob(host, repository, digest, source.repository, signal);
    if (result === "mounted") host.rememberBlob(repository, digest);
    return result;
  }

  /**
   * Asks the mirror, and then the registry itself where the mirror does not have it or cannot be asked. An error of the
   * last one names what the mirror said; wrong bytes from a mirror are an error at once.
   */
  async #ask<T>(
    subject: string,
    question: (source: Source) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const notes: string[] = [];
    let lacking: string | undefined;
    for (const [index, source] of this.#sources.entries()) {
      const isLast = index === this.#sources.length - 1;
      try {
        const answer = await question(source);
        if (answer !== undefined || isLast) {
          this.#answering = source;
          return answer;
        }
        const { registry } = source.host.endpoint;
        lacking = `${registry}/${source.repository}:${subject}`;
        notes.push(`Its mirror ${registry} has no ${source.repository}:${subject}.`);
      } catch (error) {
        if (isLast) {
          if (!(error instanceof RegistryError)) throw error;
          error.message = [error.message, ...notes].join(" ");
          throw lacking === undefined ? error : outOfReach(error, lacking);
        }
        if (!mayAskAnother(error)) throw error;
        notes.push(`Its mirror said: ${error.message}`);
      }
    }
    return undefined;
  }

  get #mirrorHost(): string {
    return this.#sources[0]?.host.endpoint.registry ?? "";
  }
}

/** Who has a mirror mostly means it: it is what lacks the image, and not the network that fails. */
function outOfReach(error: RegistryError, lacking: string): RegistryError {
  if (!(error instanceof RegistryUnreachableError)) return error;
  const { registry, message, transient } = error;
  return new RegistryUnreachableError(
    registry,
    message,
    `Put it into the mirror, as ${lacking}; or give this machine a way to ${registry}.`,
    { cause: error, transient },
  );
}

/** Whether a mirror's failure is one that the registry itself may not have. */
function mayAskAnother(error: unknown): error is RegistryError {
  return (
    error instanceof RegistryNotFoundError ||
    error instanceof RegistryUnreachableError ||
    error instanceof RegistryUnavailableError ||
    error instanceof RegistryRateLimitedError ||
    error instanceof RegistryUnauthorizedError ||
    error instanceof RegistryDeniedError
  );
}

/** Whether another's push succeeded; raises the reason of our own signal when it is aborted first. */
function settled(push: Promise<unknown>, signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // A signal of its own: listeners of many waiting pushes would pile up on the caller's.
    const own = signal && AbortSignal.any([signal]);
    own?.addEventListener("abort", () => reject(own.reason), { once: true });
    push.then(
      () => resolve(true),
      () => resolve(false),
    );
  });
}
