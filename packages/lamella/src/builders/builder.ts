import type { Config, StepLimits } from "../config/config.ts";
import type { Build } from "../engine/build.ts";
import type { BuildEvent } from "../engine/event.ts";
import type { WrittenLock } from "../engine/lock-image.ts";
import type { DefinitionSource } from "../engine/lock-owner.ts";
import type { BuildPlan } from "../engine/plan.ts";
import type { SecretSource } from "../engine/secrets/find-secrets.ts";
import type { Image } from "../image/image.ts";
import type { Platform } from "../image/platform.ts";

/** Options of {@link build} and `lamella build`. */
export interface BuildOptions {
  /** Tags beside the image's own, in the same repository. */
  readonly tags?: readonly string[];
  /** Builds although the tag exists, and lets an explicit tag be overwritten. */
  readonly force?: boolean;
  /** Resolves requirements and the base anew instead of taking what is remembered; looks past an existing tag. */
  readonly upgrade?: boolean;
  /** Refuses to build unless the lock beside the definition is there and satisfies it. */
  readonly locked?: boolean;
  /** Fails before anything is built when the image names no registry. */
  readonly push?: boolean;
  /** Where the image goes; the image's registry, or the local store when it names none, if absent. */
  readonly output?: { readonly kind: "layout"; readonly path: string };
  /** Instead of the image's own, or the base's. */
  readonly platforms?: readonly Platform[];
  /** A cache in a registry that is given what the build found out, by its reference, instead of the configuration's. */
  readonly cacheTo?: string;
  /** Caches in registries that are believed, by their references, instead of the configuration's. */
  readonly cacheFrom?: readonly string[];
  /**
   * Where the values of secrets are that the definition names. For others: the variable `GROUP_KEY` (or `KEY`) in upper
   * case, else the file `/etc/secrets/group_key`.
   */
  readonly secrets?: readonly SecretSource[];
  /** What each Debian installation and each command may take, instead of the configuration's: else all that the machine has. */
  readonly stepLimits?: StepLimits;
  /** The image's definition: file (absolute) and export. A lock belongs to one, and that of another is left alone. */
  readonly definition?: DefinitionSource;
  /** Who builds, instead of whom the configuration names: `local`, or the name of a plugin. */
  readonly builder?: string;
  /** Settings; read from the configuration files and the environment if absent. */
  readonly config?: Config;
  readonly signal?: AbortSignal;
}

/** Options of {@link plan}. */
export interface PlanOptions extends BuildOptions {
  /** Told what happens meanwhile, as the events of a build are. */
  readonly emit?: (event: BuildEvent) => void;
}

/** Options of {@link lock}. */
export interface LockOptions extends PlanOptions {
  /** Replaces the lock of another definition whose image has the same name. */
  readonly force?: boolean;
}

/** Options with the settings that hold. */
export type WithConfig<Options> = Options & { readonly config: Config };

/** Turns definitions into images. The native builder is one; a plugin may bring another. */
export interface Builder {
  readonly name: string;
  /** Starts at once. Await it for the result, or iterate over it for the events. */
  build(image: Image, options: WithConfig<BuildOptions>): Build;
  /** What {@link build} would do, one plan a platform. */
  plan(image: Image, options: WithConfig<PlanOptions>): Promise<readonly BuildPlan[]>;
  /** Raises what {@link build} would because of the definition, its base and secrets. Nothing is resolved or built. */
  check(image: Image, options: WithConfig<PlanOptions>): Promise<void>;
  /** Writes the lock of an image beside its definition. */
  lock(image: Image, options: WithConfig<LockOptions>): Promise<WrittenLock>;
}
