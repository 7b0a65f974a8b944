import { isAllowedAddress } from "./endpoint.ts";
import {
  isTransient,
  RegistryError,
  RegistryProtocolError,
  RegistryRedirectError,
  requestedPause,
} from "./error.ts";
import { isTransientStatus } from "./failure.ts";
import { either, type Session } from "./session.ts";
import { registryUnreachable } from "./transport/fault.ts";
import type { HttpRequest, HttpResponse } from "./transport/http.ts";
import { maximumRedirects, nextStep } from "./transport/redirect.ts";
import { pause, pauseAfter } from "./transport/retry.ts";

/**
 * Sends one request and follows its redirects.
 *
 * @param options.secretBody the body holds credentials
 * @throws {RegistryUnreachableError} where there is no answer
 * @throws {RegistryRedirectError} where a redirect is not to be followed
 */
export async function exchange(
  session: Session,
  registry: string,
  first: HttpRequest,
  options: { readonly secretBody?: boolean } = {},
): Promise<HttpResponse> {
  const isAllowed = (url: URL): boolean => isAllowedAddress(url, session.registries);
  let request = first;
  for (let redirects = 0; redirects <= maximumRedirects; redirects++) {
    const response = await sendOnce(session, registry, request);
    const step = nextStep(request, response, options.secretBody === true, isAllowed);
    if (step.kind === "answer") return response;
    await response.discard();
    if (step.kind === "refuse") {
      throw new RegistryRedirectError(
        registry,
        `An answer of ${registry} is not followed: ${step.reason}.`,
        "Check that the host is the registry that you mean, and the settings of the proxy before it.",
      );
    }
    request = step.request;
  }
  throw new RegistryProtocolError(
    registry,
    `${registry} redirects more than ${maximumRedirects} times in a row.`,
    "Check that the host is a container registry, and the settings of the proxy before it.",
  );
}

async function sendOnce(
  session: Session,
  registry: string,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { origin, host } = request.url;
  const signal = either(session, request.signal);
  try {
    const response = await session.transport.send({ ...request, signal });
    session.answered.add(origin);
    return response;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RegistryError) throw error;
    throw registryUnreachable(registry, host, error, session.answered.has(origin));
  }
}

/**
 * Repeats what may succeed when it is asked again, and gives back the first answer that is not "later".
 *
 * @param failure the typed error of an answer that is
 * @throws the typed error of the last attempt
 */
export async function persist(
  session: Session,
  signal: AbortSignal | undefined,
  send: () => Promise<HttpResponse>,
  failure: (response: HttpResponse) => Promise<RegistryError>,
): Promise<HttpResponse> {
  const { retry } = session;
  for (let failures = 1; ; failures++) {
    let problem: unknown;
    try {
      const response = await send();
      if (!isTransientStatus(response.status)) return response;
      problem = await failure(response);
    } catch (error) {
      if (!isTransient(error)) throw error;
      problem = error;
    }
    const asked = requestedPause(problem);
    if (failures >= retry.attempts || (asked ?? 0) > retry.maximumRetryAfter) throw problem;
    await pause(pauseAfter(failures, retry, asked), either(session, signal));
  }
}
