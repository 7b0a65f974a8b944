import { endpointOf, mirrorOf } from "./endpoint.ts";
import { RegistryHost } from "./host.ts";
import { type PushedBlob, Repository, type Source } from "./repository.ts";
import type { Session } from "./session.ts";
import { defaultRetry, type RegistrySettings } from "./settings.ts";
import { HttpTransport } from "./transport/http.ts";

export interface RepositoryOptions {
  /** Asks the registry itself and no mirror, as is right for a repository that is pushed to. */
  readonly direct?: boolean;
}

/** Talks to registries. It keeps connections, tokens and what it learned until it is disposed. */
export interface RegistryClient extends AsyncDisposable {
  /**
   * A repository, by the registry's host and the name in it as a reference has them. Nothing is asked yet.
   *
   * @throws {RegistrySettingsError} where the mirror that is configured cannot be meant
   */
  repository(
    name: { readonly registry: string; readonly repository: string },
    options?: RepositoryOptions,
  ): Repository;
}

/**
 * A client for registries that follow the distribution specification 1.1.
 *
 * @example
 * await using client = createRegistryClient({ registries: {}, credentials: dockerCredentials(process.env) });
 * const python = client.repository({ registry: "docker.io", repository: "library/python" });
 * const { descriptor, bytes } = await python.manifest("3.12-slim");
 */
export function createRegistryClient(settings: RegistrySettings): RegistryClient {
  const ended = new AbortController();
  const transport = new HttpTransport({
    proxy: settings.proxy,
    connections: settings.connections ?? 8,
  });
  const session: Session = {
    transport,
    registries: settings.registries,
    credentials: settings.credentials,
    retry: { ...defaultRetry, ...settings.retry },
    signal:
      settings.signal === undefined
        ? ended.signal
        : AbortSignal.any([settings.signal, ended.signal]),
    answered: new Set(),
  };
  const hosts = new Map<string, RegistryHost>();
  const uploads = new Map<string, Promise<PushedBlob>>();

  const hostOf = (registry: string): RegistryHost => {
    const endpoint = endpointOf(registry, settings.registries);
    let host = hosts.get(endpoint.origin);
    if (host === undefined) {
      host = new RegistryHost(session, endpoint);
      hosts.set(endpoint.origin, host);
    }
    return host;
  };

  return {
    repository(name, { direct = false } = {}) {
      const origin: Source = { host: hostOf(name.registry), repository: name.repository };
      const mirror = direct ? undefined : mirrorOf(name.registry, settings.registries);
      const mirrored: Source | undefined = mirror && {
        host: hostOf(mirror.registry),
        repository: `${mirror.prefix}${name.repository}`,
      };
      return new Repository(name, origin, mirrored, uploads);
    },
    async [Symbol.asyncDispose]() {
      ended.abort(new Error("The registry client was disposed."));
      await transport[Symbol.asyncDispose]();
    },
  };
}
