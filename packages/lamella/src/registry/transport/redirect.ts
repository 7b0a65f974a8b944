import type { HttpRequest } from "./http.ts";

/** How many redirects in a row are followed. */
export const maximumRedirects = 5;

export type RedirectStep =
  | { readonly kind: "answer" }
  | { readonly kind: "follow"; readonly request: HttpRequest }
  | { readonly kind: "refuse"; readonly reason: string };

/** What this module needs to see of an answer. */
interface Answer {
  readonly status: number;
  readonly url: URL;
  header(name: string): string | undefined;
}

/**
 * Decides what to do with an answer that may be a redirect (RFC 9110 §15.4). The method stays what it was: only GET and
 * HEAD follow 301, 302 and 303, anything follows 307 and 308.
 *
 * @param mayCarrySecret whether the body holds credentials; it then never goes to another origin
 * @param isAllowed whether an address may be talked to at all
 */
export function nextStep(
  request: HttpRequest,
  answer: Answer,
  mayCarrySecret: boolean,
  isAllowed: (url: URL) => boolean,
): RedirectStep {
  const keepsMethod = answer.status === 307 || answer.status === 308;
  const isRedirect = keepsMethod || [301, 302, 303].includes(answer.status);
  if (!isRedirect) return { kind: "answer" };
  const location = answer.header("location");
  const url = location === undefined ? null : URL.parse(location, answer.url.href);
  if (url === null) return { kind: "refuse", reason: "its redirect names no address" };
  if (!keepsMethod && request.method !== "GET" && request.method !== "HEAD") {
    return {
      kind: "refuse",
      reason: `it redirects a ${request.method} with status ${answer.status}`,
    };
  }
  if (!isAllowed(url)) {
    return {
      kind: "refuse",
      reason: `it redirects to ${url.protocol}//${url.host}, without TLS or with a password`,
    };
  }
  const sameOrigin = url.origin === answer.url.origin;
  if (!sameOrigin && mayCarrySecret) {
    return { kind: "refuse", reason: `it redirects a request with credentials to ${url.host}` };
  }
  // A host that is redirected to is somebody else (a CDN, or worse): it gets no credentials of ours.
  const headers = sameOrigin ? request.headers : withoutCredentials(request.headers);
  return { kind: "follow", request: { ...request, url, headers: headers ?? {} } };
}

export function withoutCredentials(
  headers: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const { authorization: _, ...others } = headers ?? {};
  return others;
}
