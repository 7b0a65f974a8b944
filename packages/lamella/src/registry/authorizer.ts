import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credential } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import { denial, unauthorized } from "./failure.ts";
import { coversScopes, mergeScopes, parseScopes, type Scope } from "./scope.ts";
import type { Session } from "./session.ts";
import { basicAuthorization, fetchToken, type Token, type TokenServer } from "./token.ts";
import type { HttpResponse } from "./transport/http.ts";

type Scheme =
  | { readonly kind: "basic" }
  | { readonly kind: "bearer"; readonly server: TokenServer };

interface CachedToken {
  readonly scopes: readonly Scope[];
  readonly token: Promise<Token>;
  /** The token once it is there. */
  current?: Token;
}

/** A server's wish for more scopes is heard up to this length. */
const maximumScopes = 4096;

/**
 * Knows how one host wants its requests to be authorized: what it asked for, our credential for it, and the tokens that
 * came of it. A request goes out with what is known; a 401 says what is wanted.
 */
export class Authorizer {
  readonly #session: Session;
  readonly #endpoint: Endpoint;
  readonly #tokens = new Map<string, CachedToken>();
  #scheme: Scheme | undefined;
  #credential: Promise<Credential | undefined> | undefined;
  #user: string | undefined;

  constructor(session: Session, endpoint: Endpoint) {
    this.#session = session;
    this.#endpoint = endpoint;
  }

  /** Whose credentials are in use, in words for messages; nothing where there are none. */
  get user(): string | undefined {
    return this.#user;
  }

  /** The `Authorization` for a request, as far as it is known what the host wants. */
  async authorization(scopes: readonly Scope[], what: string): Promise<string | undefined> {
    const scheme = this.#scheme;
    if (scheme === undefined) return undefined;
    return scheme.kind === "basic"
      ? this.#basic()
      : this.#bearer(scheme.server, mergeScopes(scopes), what);
  }

  /**
   * The `Authorization` to send in place of one that was answered with 401.
   *
   * @param used what was sent, if anything
   * @throws {RegistryUnauthorizedError} where there is nothing else to send
   */
  async renew(
    response: HttpResponse,
    scopes: readonly Scope[],
    used: string | undefined,
    what: string,
  ): Promise<string> {
    const challenges = parseChallenges(response.headers("www-authenticate"));
    await response.discard();
    this.#forget(used);
    const bearer = challenges.find(
      ({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm"),
    );
    if (bearer !== undefined) {
      const server = this.#enterBearer(bearer);
      const asked = bearer.parameters.get("scope") ?? "";
      const wanted = asked.length > maximumScopes ? [] : parseScopes(asked);
      const merged = mergeScopes([...scopes, ...wanted]);
      const authorization = await this.#bearer(server, merged, what);
      if (authorization !== used) return authorization;
    } else if (challenges.some(({ scheme }) => scheme === "basic")) {
      this.#scheme = { kind: "basic" };
      const authorization = await this.#basic();
      if (authorization !== undefined && authorization !== used) return authorization;
    }
    throw this.#refusal(challenges, what);
  }

  /** What a second 401 in a row means. */
  async refusal(response: HttpResponse, what: string): Promise<Error> {
    const challenges = parseChallenges(response.headers("www-authenticate"));
    await response.discard();
    return this.#refusal(challenges, what);
  }

  #refusal(challenges: readonly Challenge[], what: string): Error {
    const attempt = { registry: this.#endpoint.registry, what, user: this.#user };
    const knownButNotAllowed = challenges.some(
      ({ parameters }) => parameters.get("error") === "insufficient_scope",
    );
    return knownButNotAllowed && this.#user !== undefined ? denial(attempt) : unauthorized(attempt);
  }

  #enterBearer(challenge: Challenge): TokenServer {
    const server = {
      realm: challenge.parameters.get("realm") ?? "",
      service: challenge.parameters.get("service"),
    };
    const known = this.#scheme;
    const isSame =
      known?.kind === "bearer" &&
      known.server.realm === server.realm &&
      known.server.service === server.service;
    if (!isSame) {
      this.#tokens.clear();
      this.#scheme = { kind: "bearer", server };
    }
    return server;
  }

  async #basic(): Promise<string | undefined> {
    const credential = await this.#lookUp();
    return credential?.kind === "basic" ? basicAuthorization(credential) : undefined;
  }

  async #bearer(server: TokenServer, scopes: readonly Scope[], what: string): Promise<string> {
    const credential = await this.#lookUp();
    if (credential?.kind === "registry-token") return `Bearer ${credential.token}`;
    const cached = this.#cached(scopes);
    if (cached !== undefined) return `Bearer ${(await cached.token).value}`;
    const { registry, ca } = this.#endpoint;
    const token = fetchToken(this.#session, server, scopes, credential, {
      registry,
      ca,
      what,
      user: this.#user,
    });
    const key = scopes.join(" ");
    const entry: CachedToken = { scopes, token };
    this.#tokens.set(key, entry);
    try {
      entry.current = await token;
      return `Bearer ${entry.current.value}`;
    } catch (error) {
      if (this.#tokens.get(key) === entry) this.#tokens.delete(key);
      throw error;
    }
  }

  /** A token, or one that is being fetched, for these scopes or more. */
  #cached(scopes: readonly Scope[]): CachedToken | undefined {
    const now = performance.now();
    for (const [key, { current }] of this.#tokens) {
      if (current !== undefined && current.renewAt <= now) this.#tokens.delete(key);
    }
    return (
      this.#tokens.get(scopes.join(" ")) ??
      [...this.#tokens.values()].find((entry) => coversScopes(entry.scopes, scopes))
    );
  }

  #forget(authorization: string | undefined): void {
    for (const [key, { current }] of this.#tokens) {
      if (current !== undefined && `Bearer ${current.value}` === authorization) {
        this.#tokens.delete(key);
      }
    }
  }

  #lookUp(): Promise<Credential | undefined> {
    this.#credential ??= this.#load();
    return this.#credential;
  }

  async #load(): Promise<Credential | undefined> {
    const { signal, credentials } = this.#session;
    const credential = await credentials(this.#endpoint.registry, { signal });
    if (credential !== undefined) {
      this.#user =
        credential.kind === "basic" ? JSON.stringify(credential.username) : "the login token";
    }
    return credential;
  }
}
