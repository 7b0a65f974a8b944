import { readDockerCredential } from "./docker-config.ts";

/** What proves who we are to a registry. */
export type Credential =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** A refresh token, exchanged for access tokens at the token server (OAuth2). */
  | { readonly kind: "identity-token"; readonly token: string }
  /** An access token, sent as it is. */
  | { readonly kind: "registry-token"; readonly token: string };

/**
 * Looks up the credential for a registry host, as it stands in image references; nothing where there is none. It is
 * asked only when a registry wants one, once a session. May raise `RegistryCredentialsError`.
 */
export type CredentialSource = (
  registry: string,
  options?: { readonly signal?: AbortSignal },
) => Promise<Credential | undefined>;

/** Knows no credentials. */
export const anonymous: CredentialSource = () => Promise.resolve(undefined);

/**
 * The credentials of `docker login`, and after them those of `podman login`: the entries of the file itself,
 * credential helpers of single registries, and the store of all of them. Files are read when they are first needed.
 *
 * @param env the process's environment: DOCKER_CONFIG, REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, XDG_CONFIG_HOME, HOME, and
 *   PATH for the helpers
 * @example
 * const client = createRegistryClient({ registries: {}, credentials: dockerCredentials(process.env) });
 */
export function dockerCredentials(
  env: Readonly<Record<string, string | undefined>>,
): CredentialSource {
  return (registry, options = {}) => readDockerCredential(registry, env, options.signal);
}
