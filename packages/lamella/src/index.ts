export type {
  Builder,
  BuildOptions,
  LockOptions,
  PlanOptions,
  WithConfig,
} from "./builders/builder.ts";
export { build, check, lock, plan } from "./builders/index.ts";
export { type Plugin, registerPlugin } from "./builders/plugin.ts";
export { type Config, loadConfig, type StepLimits } from "./config/config.ts";
export { ConfigFile, type FindConfigFileOptions } from "./config/config-file.ts";
export {
  type DefaultImageAnswer,
  type DefaultImageExplanation,
  type DefaultImageOptions,
  type DefaultImageStep,
  DefaultImages,
  explainDefaultImage,
} from "./config/default-image/default-images.ts";
export type { FindImageOptions } from "./config/default-image/find-image.ts";
export { PythonVersion } from "./config/default-image/python-version.ts";
export {
  type AutoImageOptions,
  ImageConfig,
  type ValidateImageOptions,
} from "./config/image-config.ts";
export type { ImageConfigData, NamedImageData } from "./config/image-config-data.ts";
export { Images } from "./config/images.ts";
export { NamedImage, type ParseNamedImageOptions } from "./config/named-image.ts";
export { Build } from "./engine/build.ts";
export type { BuildEvent, Task, TaskKind, TaskOutcome } from "./engine/event.ts";
export type { WrittenLock } from "./engine/lock-image.ts";
export type { DefinitionSource } from "./engine/lock-owner.ts";
export type * from "./engine/plan.ts";
export type {
  BuildResult,
  LayerDelivery,
  LayerReport,
  LayerSource,
  PlatformResult,
} from "./engine/result.ts";
export type { SecretSource } from "./engine/secrets/find-secrets.ts";
export { LamellaError } from "./error.ts";
export type { Digest } from "./files/digest.ts";
export type * from "./image/definition.ts";
export type {
  CloneOptions,
  FromBaseOptions,
  FromDebianBaseOptions,
  FromUvScriptOptions,
  LocalPath,
} from "./image/image.ts";
export { Image } from "./image/image.ts";
export type { ImageJson } from "./image/image-json.ts";
export type { Platform } from "./image/platform.ts";
export type { Secret, SecretMounts } from "./image/secret.ts";
