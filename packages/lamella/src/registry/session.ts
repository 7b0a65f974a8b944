import type { CredentialSource } from "./credentials.ts";
import type { RegistrySettings, RetrySettings } from "./settings.ts";
import type { HttpTransport } from "./transport/http.ts";

/** What all requests of one client share. */
export interface Session {
  readonly transport: HttpTransport;
  readonly registries: RegistrySettings["registries"];
  readonly credentials: CredentialSource;
  readonly retry: RetrySettings;
  /** Aborted when the client ends. */
  readonly signal: AbortSignal;
  /** Origins that have answered: a connection that they refuse is a restart, not a wrong address. */
  readonly answered: Set<string>;
}

/**
 * A signal of its own for one wait or request, aborted with the caller's or the client's: listeners never pile up on
 * those two.
 */
export function either(session: Session, signal: AbortSignal | undefined): AbortSignal {
  return AbortSignal.any(signal === undefined ? [session.signal] : [session.signal, signal]);
}
