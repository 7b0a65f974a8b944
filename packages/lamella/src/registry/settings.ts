import type { CredentialSource } from "./credentials.ts";

/** What is configured for one registry host. */
export interface RegistryHostSettings {
  /**
   * Another registry that is asked first when something is pulled: `HOST` or `HOST/PREFIX`, without a scheme. The
   * repository `library/python` is looked for at `HOST/PREFIX/library/python`.
   */
  readonly mirror?: string;
  /** Speak HTTP without TLS. Where absent: only to localhost, 127.0.0.1 and [::1]. */
  readonly plainHttp?: boolean;
  /** PEM file of certificate authorities that are trusted for this host beside the system's. */
  readonly ca?: string;
}

/** When and how often a request is sent again after a fault that may pass. Times are in milliseconds. */
export interface RetrySettings {
  /** How often in all; 1 never asks again. */
  readonly attempts: number;
  /** Longest pause before the second attempt; it doubles with each further one. */
  readonly baseDelay: number;
  readonly maximumDelay: number;
  /** A registry that asks for a longer pause (`Retry-After`) is not waited for. */
  readonly maximumRetryAfter: number;
}

export const defaultRetry: RetrySettings = {
  attempts: 5,
  baseDelay: 500,
  maximumDelay: 15_000,
  maximumRetryAfter: 60_000,
};

/** Proxies, each an `http://` address. Loopback is never reached through one. */
export interface ProxySettings {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  /** Hosts that are reached directly, as `NO_PROXY` lists them. */
  readonly noProxy?: string;
}

/** What a registry client needs to know. */
export interface RegistrySettings {
  /** By host, as it stands in image references (`docker.io`, `localhost:5000`). */
  readonly registries: Readonly<Record<string, RegistryHostSettings>>;
  readonly credentials: CredentialSource;
  readonly proxy?: ProxySettings;
  /** Ends everything that the client does. */
  readonly signal?: AbortSignal;
  readonly retry?: Partial<RetrySettings>;
  /** Most connections to one host for each of: questions, downloads, uploads. Default 8. */
  readonly connections?: number;
}

/** Reads the variables that curl, Go and Python agree on; the lower-case form comes first. */
export function proxyFromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): ProxySettings {
  const httpProxy = env["http_proxy"] ?? env["HTTP_PROXY"];
  const httpsProxy = env["https_proxy"] ?? env["HTTPS_PROXY"];
  const noProxy = env["no_proxy"] ?? env["NO_PROXY"];
  return {
    ...(httpProxy !== undefined && { httpProxy }),
    ...(httpsProxy !== undefined && { httpsProxy }),
    ...(noProxy !== undefined && { noProxy }),
  };
}
