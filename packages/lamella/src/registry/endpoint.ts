import { dockerHub, dockerHubApiHost, isDockerHub } from "./docker-hub.ts";
import { RegistrySettingsError } from "./error.ts";
import type { RegistryHostSettings, RegistrySettings } from "./settings.ts";

/** Where a registry is reached. */
export interface Endpoint {
  /** The host as it stands in image references: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** The host that is really talked to. */
  readonly host: string;
  /** Scheme, host and port. */
  readonly origin: string;
  /** PEM file of further certificate authorities. */
  readonly ca?: string;
}

/** A registry that is asked before another one. */
export interface Mirror {
  readonly registry: string;
  /** What is put before repository names, with a `/` at its end; empty for none. */
  readonly prefix: string;
}

export function endpointOf(registry: string, registries: RegistrySettings["registries"]): Endpoint {
  const settings = settingsOf(registry, registries);
  const host = isDockerHub(registry) ? dockerHubApiHost : registry;
  return {
    registry: isDockerHub(registry) ? dockerHub : registry,
    host,
    origin: `${speaksPlainHttp(host, settings) ? "http" : "https"}://${host}`,
    ...(settings?.ca !== undefined && { ca: settings.ca }),
  };
}

/**
 * The mirror that is configured for a registry, if any.
 * Raises {@link RegistrySettingsError} where it is not `HOST` or `HOST/PREFIX`.
 */
export function mirrorOf(
  registry: string,
  registries: RegistrySettings["registries"],
): Mirror | undefined {
  const text = settingsOf(registry, registries)?.mirror;
  if (text === undefined) return undefined;
  const [, host, prefix] = mirrorPattern.exec(text) ?? [];
  if (host === undefined) {
    throw new RegistrySettingsError(
      registry,
      `The mirror of ${registry} is not HOST or HOST/PREFIX: ${JSON.stringify(text.slice(0, 200))}.`,
      'Write it without a scheme, for example "localhost:5000" or "registry.example.com/docker-hub".\nFor a mirror without TLS, set plainHttp for its host.',
    );
  }
  return { registry: host, prefix: prefix === undefined ? "" : `${prefix}/` };
}

// Host and path components as in distribution/reference.
const mirrorPattern =
  /^((?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?)(?:\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*))?\/?$/;

/** Whether a host and port is one on which this machine talks to itself. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?$/.test(host);
}

/**
 * Whether an address may be talked to at all: by HTTPS always, without TLS only on loopback or where the settings of
 * that host say so. Redirects, upload locations and token addresses come from the other side and are held to it too.
 */
export function isAllowedAddress(url: URL, registries: RegistrySettings["registries"]): boolean {
  if (url.username !== "" || url.password !== "") return false;
  if (url.protocol === "https:") return true;
  return (
    url.protocol === "http:" &&
    (isLoopback(url.host) || settingsOf(url.host, registries)?.plainHttp === true)
  );
}

function settingsOf(
  registry: string,
  registries: RegistrySettings["registries"],
): RegistryHostSettings | undefined {
  const key = isDockerHub(registry) ? dockerHub : registry;
  return Object.hasOwn(registries, key) ? registries[key] : undefined;
}

function speaksPlainHttp(host: string, settings: RegistryHostSettings | undefined): boolean {
  return settings?.plainHttp ?? (isLoopback(host) && settings?.ca === undefined);
}
