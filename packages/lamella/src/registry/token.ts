import * as z from "zod/mini";
import type { Credential } from "./credentials.ts";
import { isAllowedAddress } from "./endpoint.ts";
import { RegistryProtocolError, RegistryRedirectError } from "./error.ts";
import { exchange } from "./exchange.ts";
import { type Attempt, failureOf, unauthorized } from "./failure.ts";
import type { Scope } from "./scope.ts";
import type { Session } from "./session.ts";
import { readBounded } from "./transport/body.ts";
import type { HttpRequest } from "./transport/http.ts";

/** An access token. */
export interface Token {
  readonly value: string;
  /** When it is to be replaced, on the clock of `performance.now()`. */
  readonly renewAt: number;
}

/** What a bearer challenge names. */
export interface TokenServer {
  readonly realm: string;
  readonly service: string | undefined;
}

/** How we call ourselves to token servers, which may show it to the owner of the account. */
const clientId = "lamella";

// CNCF distribution, "Token Authentication Specification": either name, and 60 s where nothing is said.
const answer = z.object({
  token: z.optional(z.string()),
  access_token: z.optional(z.string()),
  expires_in: z.optional(z.number()),
});
const defaultLifetime = 60;
const maximumAnswer = 1024 * 1024;

/**
 * Gets an access token from a token server: with GET and basic authentication or none, or, for an identity token, with
 * POST (OAuth2, "refresh_token").
 *
 * @param attempt what the token is for
 * @throws {RegistryRedirectError} where the server's address would send credentials without TLS
 * @throws {RegistryUnauthorizedError} where it does not accept the credential
 */
export async function fetchToken(
  session: Session,
  server: TokenServer,
  scopes: readonly Scope[],
  credential: Exclude<Credential, { kind: "registry-token" }> | undefined,
  attempt: Attempt & { readonly ca?: string | undefined },
): Promise<Token> {
  const { registry, ca } = attempt;
  const realm = URL.parse(server.realm);
  if (realm === null || !isAllowedAddress(realm, session.registries)) {
    throw new RegistryRedirectError(
      registry,
      `${registry} names a token server that is not asked: ${describeAddress(realm)}.`,
      "Only addresses with TLS are, so that no credentials are sent in the clear. For a private one without TLS, set plainHttp for its host.",
    );
  }
  realm.hash = "";
  const request = tokenRequest(realm, server.service, scopes, credential);
  // Not repeated here: the request that the token is for is.
  const response = await exchange(
    session,
    registry,
    { ...request, ca },
    { secretBody: request.method === "POST" },
  );
  if (response.status === 401 || (response.status === 403 && credential !== undefined)) {
    await response.discard();
    throw unauthorized(attempt);
  }
  if (response.status !== 200) throw await failureOf(response, attempt);
  const document = await readBounded(response.body, maximumAnswer);
  const parsed = answer.safeParse(parseJson(document));
  const value = parsed.data?.token || parsed.data?.access_token || "";
  // What is not visible ASCII must not enter a header.
  if (!/^[\u0021-\u007e]+$/.test(value)) {
    throw new RegistryProtocolError(
      registry,
      `The token server of ${registry} (${realm.host}) gives no token.`,
      "Check that the host is a container registry.",
    );
  }
  const lifetime = Math.max(0, parsed.data?.expires_in ?? defaultLifetime) * 1000;
  // A little early, so that it is still good when it arrives.
  return { value, renewAt: performance.now() + lifetime - Math.min(10_000, lifetime / 5) };
}

function tokenRequest(
  realm: URL,
  service: string | undefined,
  scopes: readonly Scope[],
  credential: Exclude<Credential, { kind: "registry-token" }> | undefined,
): HttpRequest {
  if (credential?.kind === "identity-token") {
    const form = new URLSearchParams({ grant_type: "refresh_token", client_id: clientId });
    if (service !== undefined) form.set("service", service);
    if (scopes.length > 0) form.set("scope", scopes.join(" "));
    form.set("refresh_token", credential.token);
    return {
      method: "POST",
      url: realm,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new TextEncoder().encode(form.toString()),
    };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  url.searchParams.set("client_id", clientId);
  if (credential === undefined) return { method: "GET", url };
  url.searchParams.set("account", credential.username);
  return { method: "GET", url, headers: { authorization: basicAuthorization(credential) } };
}

/** RFC 7617, in UTF-8. */
export function basicAuthorization(credential: {
  readonly username: string;
  readonly password: string;
}): string {
  const pair = `${credential.username}:${credential.password}`;
  return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
}

function describeAddress(url: URL | null): string {
  return url === null ? "it is no address" : `${url.protocol}//${url.host}`;
}

function parseJson(document: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(document ?? []).toString("utf8"));
  } catch {
    return undefined;
  }
}
