import type { Digest } from "../files/digest.ts";
import { Authorizer } from "./authorizer.ts";
import { type Endpoint, isAllowedAddress } from "./endpoint.ts";
import { type RegistryError, RegistryRedirectError } from "./error.ts";
import { exchange, persist } from "./exchange.ts";
import { failureOf } from "./failure.ts";
import type { Scope } from "./scope.ts";
import type { Session } from "./session.ts";
import type { HttpRequest, HttpResponse } from "./transport/http.ts";

/** One question to a registry. */
export interface RegistryRequest extends Omit<HttpRequest, "url" | "ca"> {
  /** Path below `/v2/`, or an address that the registry gave. */
  readonly target: string | URL;
  /** What a token for it must allow. */
  readonly scopes: readonly Scope[];
  /** What is tried, for messages: a verb and its object. */
  readonly what: string;
  /** `false` for what must not simply be sent again, such as part of a blob. */
  readonly retry?: boolean;
}

/** One registry host during one session: how it wants to be authorized, and which blobs it is known to have. */
export class RegistryHost {
  readonly endpoint: Endpoint;
  readonly session: Session;
  readonly #authorizer: Authorizer;
  readonly #blobs = new Set<string>();

  constructor(session: Session, endpoint: Endpoint) {
    this.session = session;
    this.endpoint = endpoint;
    this.#authorizer = new Authorizer(session, endpoint);
  }

  /**
   * Sends a request, authorized as the host wants it, again where that may help.
   *
   * @returns an answer with any status but 401 and those that mean "later"
   */
  send(request: RegistryRequest): Promise<HttpResponse> {
    const { what, signal, retry = true } = request;
    const session: Session = retry
      ? this.session
      : { ...this.session, retry: { ...this.session.retry, attempts: 1 } };
    return persist(
      session,
      signal,
      () => this.#sendAuthorized(request),
      (response) => this.failure(response, what),
    );
  }

  /** The typed error for an answer that the caller has no use for. */
  failure(response: HttpResponse, what: string): Promise<RegistryError> {
    const { registry } = this.endpoint;
    return failureOf(response, { registry, what, user: this.#authorizer.user });
  }

  async #sendAuthorized(request: RegistryRequest): Promise<HttpResponse> {
    const { target, scopes, what, retry: _, ...plain } = request;
    const url = new URL(
      typeof target === "string" ? `/v2/${target}` : target,
      this.endpoint.origin,
    );
    this.#requireAllowed(url);
    // An upload location on another host gets no credentials.
    const isOwn = url.origin === this.endpoint.origin;
    const send = (authorization: string | undefined): Promise<HttpResponse> =>
      exchange(this.session, this.endpoint.registry, {
        ...plain,
        url,
        ca: this.endpoint.ca,
        headers: { ...plain.headers, ...(authorization !== undefined && { authorization }) },
      });

    const known = isOwn ? await this.#authorizer.authorization(scopes, what) : undefined;
    const response = await send(known);
    if (response.status !== 401) return response;
    await this.#requireOwnChallenge(response);
    const second = await send(await this.#authorizer.renew(response, scopes, known, what));
    if (second.status !== 401) return second;
    await this.#requireOwnChallenge(second);
    throw await this.#authorizer.refusal(second, what);
  }

  #requireAllowed(url: URL): void {
    if (isAllowedAddress(url, this.session.registries) || url.origin === this.endpoint.origin)
      return;
    throw new RegistryRedirectError(
      this.endpoint.registry,
      `${this.endpoint.registry} names an upload location without TLS: ${url.protocol}//${url.host}.`,
      "A proxy that ends TLS before the registry must tell it so (X-Forwarded-Proto: https).",
    );
  }

  /** A host that we were redirected to and that then wants a login would get credentials that are not meant for it. */
  async #requireOwnChallenge(response: HttpResponse): Promise<void> {
    if (response.url.origin === this.endpoint.origin) return;
    await response.discard();
    throw new RegistryRedirectError(
      this.endpoint.registry,
      `${this.endpoint.registry} redirects to ${response.url.host}, which wants credentials. They are not sent to another host.`,
      `Use ${response.url.host} in the image reference if that is the registry that you mean.`,
    );
  }

  /** Whether a repository is known to have a blob, from an answer or an upload of this session. */
  knowsBlob(repository: string, digest: Digest): boolean {
    return this.#blobs.has(`${repository}@${digest}`);
  }

  rememberBlob(repository: string, digest: Digest): void {
    this.#blobs.add(`${repository}@${digest}`);
  }

  /** For a registry that says that a blob is missing, whatever it said before. */
  forgetBlobs(repository: string): void {
    for (const key of this.#blobs) {
      if (key.startsWith(`${repository}@`)) this.#blobs.delete(key);
    }
  }
}
