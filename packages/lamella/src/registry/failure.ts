import {
  RegistryDeniedError,
  type RegistryError,
  RegistryNotFoundError,
  RegistryProtocolError,
  RegistryRateLimitedError,
  RegistryRefusedError,
  RegistryUnauthorizedError,
  RegistryUnavailableError,
} from "./error.ts";
import { readBounded } from "./transport/body.ts";
import type { HttpResponse } from "./transport/http.ts";
import { parseRetryAfter } from "./transport/retry.ts";

/** What was tried, for messages. */
export interface Attempt {
  readonly registry: string;
  /** A verb and its object: `pull library/python:3.12`. */
  readonly what: string;
  /** The user whose credentials were sent, in words; absent where none were. */
  readonly user?: string | undefined;
}

/** One entry of the error document of the distribution specification ("Error Codes"). */
interface ErrorEntry {
  readonly code: string;
  readonly message: string;
}

const maximumErrorDocument = 64 * 1024;
const maximumQuoted = 500;

export function isTransientStatus(status: number): boolean {
  return [408, 429, 500, 502, 503, 504].includes(status);
}

/** Translates an answer that is no success, with the registry's own words. Takes its body. */
export async function failureOf(response: HttpResponse, attempt: Attempt): Promise<RegistryError> {
  const { registry, what } = attempt;
  const { status } = response;
  const entries = await readErrors(response);
  const said = quote(entries);
  const codes = { said: entries.map(({ code }) => code) };
  if (status === 401) {
    const denied = entries.some(({ code }) => code === "DENIED");
    return denied && attempt.user !== undefined
      ? denial(attempt, said)
      : unauthorized(attempt, said);
  }
  if (status === 403) return denial(attempt, said);
  if (status === 404) {
    return new RegistryNotFoundError(
      registry,
      `${registry} has nothing there to ${what}${said}.`,
      "Check the spelling. Some registries want a repository to be created before the first push.",
      codes,
    );
  }
  const retryAfter = parseRetryAfter(response.header("retry-after"), Date.now());
  if (status === 429) {
    const wait = retryAfter === undefined ? "Wait" : `Wait ${Math.ceil(retryAfter / 1000)} s`;
    return new RegistryRateLimitedError(
      registry,
      `${registry} gets too many requests to ${what}${said}.`,
      `${wait} and try again. Limits are often higher after a login: docker login ${registry}`,
      retryAfter,
    );
  }
  if (status >= 500 || status === 408) {
    return new RegistryUnavailableError(
      registry,
      `${registry} could not ${what}: it answers with status ${status}${said}.`,
      "The fault is on its side: try again later, or look into its log.",
      retryAfter,
    );
  }
  if (status >= 400) {
    return new RegistryRefusedError(
      registry,
      `${registry} refuses to ${what}: status ${status}${said}.`,
      "What it says above is the reason. A registry that is only a cache of another takes no pushes.",
      codes,
    );
  }
  return new RegistryProtocolError(
    registry,
    `${registry} gives an answer with status ${status} that has no meaning when asked to ${what}.`,
    "Check that this host is a container registry, and not a web page before it.",
  );
}

/** The registry wants to know who asks, or does not believe it. */
export function unauthorized(
  { registry, what, user }: Attempt,
  said = "",
): RegistryUnauthorizedError {
  return user === undefined
    ? new RegistryUnauthorizedError(
        registry,
        `${registry} wants a login to ${what}${said}.`,
        `Log in: docker login ${registry}\nOr check the spelling: some registries answer so for what does not exist.`,
      )
    : new RegistryUnauthorizedError(
        registry,
        `${registry} does not accept the credentials of ${user} to ${what}${said}.`,
        `Log in again: docker login ${registry}`,
      );
}

export function denial({ registry, what, user }: Attempt, said = ""): RegistryDeniedError {
  return new RegistryDeniedError(
    registry,
    `${registry} does not allow ${user ?? "somebody without a login"} to ${what}${said}.`,
    `Ask its owner for the right, or log in as somebody who has it: docker login ${registry}`,
  );
}

async function readErrors(response: HttpResponse): Promise<readonly ErrorEntry[]> {
  try {
    const document = await readBounded(response.body, maximumErrorDocument);
    return document === undefined ? [] : parseErrors(document);
  } catch {
    // The status alone has to do.
    return [];
  }
}

function parseErrors(document: Uint8Array): ErrorEntry[] {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(document).toString("utf8"));
  } catch {
    return [];
  }
  if (typeof value !== "object" || value === null || !("errors" in value)) return [];
  if (!Array.isArray(value.errors)) return [];
  return value.errors.flatMap((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) return [];
    const code = "code" in entry && typeof entry.code === "string" ? entry.code : "";
    const message = "message" in entry && typeof entry.message === "string" ? entry.message : "";
    return [{ code, message }];
  });
}

/** The registry's words as a part of one line: no control characters, no screenfuls. */
function quote(entries: readonly ErrorEntry[]): string {
  const text = entries
    .map(({ code, message }) => [code, message].filter((part) => part !== "").join(": "))
    .join("; ")
    // oxlint-disable-next-line no-control-regex -- exactly those are to go
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ")
    .trim();
  return text === "" ? "" : ` (${text.slice(0, maximumQuoted)})`;
}
