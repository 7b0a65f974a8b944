import { LamellaError } from "../error.ts";

/** What went wrong between us and a registry. `registry` is its host as it stands in image references. */
export abstract class RegistryError extends LamellaError {
  readonly registry: string;
  /** What the registry itself calls it (distribution-spec, "Error Codes"), where it does. */
  readonly said: readonly string[];

  constructor(
    registry: string,
    message: string,
    hint: string,
    options: ErrorOptions & { readonly said?: readonly string[] } = {},
  ) {
    super(message, hint, options);
    this.registry = registry;
    this.said = options.said ?? [];
  }
}

/** The registry wants credentials and has none from us, or refuses those that it got (status 401). */
export class RegistryUnauthorizedError extends RegistryError {
  readonly code = "registry-unauthorized";
}

/** The registry knows who asks and does not allow it (status 403, or a token without the scope). */
export class RegistryDeniedError extends RegistryError {
  readonly code = "registry-denied";
}

/** The registry says that a manifest or blob is not there (status 404). */
export class RegistryNotFoundError extends RegistryError {
  readonly code = "registry-not-found";
}

/** No answer: name resolution, connection, TLS or a time limit. Nothing is known about what was asked for. */
export class RegistryUnreachableError extends RegistryError {
  readonly code = "registry-unreachable";
  /** Whether asking again may help (a dropped connection does, a wrong certificate does not). */
  readonly transient: boolean;

  constructor(
    registry: string,
    message: string,
    hint: string,
    options: ErrorOptions & { readonly transient: boolean },
  ) {
    super(registry, message, hint, options);
    this.transient = options.transient;
  }
}

/** The registry says "later". */
abstract class RegistryLaterError extends RegistryError {
  /** How long it asks to be left alone, in milliseconds. */
  readonly retryAfter: number | undefined;

  constructor(registry: string, message: string, hint: string, retryAfter: number | undefined) {
    super(registry, message, hint);
    this.retryAfter = retryAfter;
  }
}

/** The registry answers that it cannot answer (status 5xx or 408), after all attempts. */
export class RegistryUnavailableError extends RegistryLaterError {
  readonly code = "registry-unavailable";
}

/** Too many requests (status 429), after all attempts. */
export class RegistryRateLimitedError extends RegistryLaterError {
  readonly code = "registry-rate-limited";
}

/** The registry understood what was sent and does not take it (other 4xx), in its own words. */
export class RegistryRefusedError extends RegistryError {
  readonly code = "registry-refused";
}

/** The answer is not what the distribution specification says: no registry, or a broken one. */
export class RegistryProtocolError extends RegistryError {
  readonly code = "registry-protocol";
}

/** The bytes are not those that the digest or the size says. */
export class RegistryContentError extends RegistryError {
  readonly code = "registry-content";
}

/** A redirect, upload location or token address that is not followed, because credentials could leak. */
export class RegistryRedirectError extends RegistryError {
  readonly code = "registry-redirect";
}

/** Credentials could not be read: a malformed Docker config, or a credential helper that fails. */
export class RegistryCredentialsError extends RegistryError {
  readonly code = "registry-credentials";
}

/** A setting for a registry that cannot be meant: a mirror with a scheme, an unreadable certificate file. */
export class RegistrySettingsError extends RegistryError {
  readonly code = "registry-settings";
}

/** Whether the same request may well succeed if it is sent again. */
export function isTransient(error: unknown): boolean {
  return (
    (error instanceof RegistryUnreachableError && error.transient) ||
    error instanceof RegistryLaterError
  );
}

/** Whether the registry says that it lacks a blob that a manifest names. */
export function isBlobUnknown(error: unknown): boolean {
  return (
    error instanceof RegistryError &&
    error.said.some((code) => code === "MANIFEST_BLOB_UNKNOWN" || code === "BLOB_UNKNOWN")
  );
}

/** The pause in milliseconds that a registry asked for with an error. */
export function requestedPause(error: unknown): number | undefined {
  return error instanceof RegistryLaterError ? error.retryAfter : undefined;
}
