export { createRegistryClient, type RegistryClient, type RepositoryOptions } from "./client.ts";
export {
  anonymous,
  type Credential,
  type CredentialSource,
  dockerCredentials,
} from "./credentials.ts";
export {
  RegistryContentError,
  RegistryCredentialsError,
  RegistryDeniedError,
  RegistryError,
  RegistryNotFoundError,
  RegistryProtocolError,
  RegistryRateLimitedError,
  RegistryRedirectError,
  RegistryRefusedError,
  RegistrySettingsError,
  RegistryUnauthorizedError,
  RegistryUnavailableError,
  RegistryUnreachableError,
} from "./error.ts";
export type { FetchedManifest } from "./manifest.ts";
export type { PushBlobOptions, PushedBlob, Repository } from "./repository.ts";
export {
  defaultRetry,
  type ProxySettings,
  proxyFromEnvironment,
  type RegistryHostSettings,
  type RegistrySettings,
  type RetrySettings,
} from "./settings.ts";
export type { OpenBlob } from "./upload.ts";
