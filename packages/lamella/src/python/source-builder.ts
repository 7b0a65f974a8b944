import type { SourceFile, WheelFile } from "./lock.ts";
import type { IndexSettings } from "./package-index/settings.ts";
import type { ExactSource } from "./package-source.ts";
import type { SourceRequirement } from "./requirements.ts";
import type { UvPlace } from "./uv-compile.ts";

/** A source distribution of an index, to build. */
export interface NamedSource {
  /** Normalized. */
  readonly name: string;
  readonly version: string;
  readonly file: SourceFile;
}

/** What was built for a requirement. */
export interface BuiltSource {
  readonly wheel: WheelFile;
  readonly source: ExactSource;
}

export interface BuildRequirementOptions {
  /** The commit that a repository's reference means; found out if absent. */
  readonly commit?: string | undefined;
  /** Finds out anew what a reference means. */
  readonly upgrade?: boolean | undefined;
  /** The ids of secrets by their variables. */
  readonly secrets?: ReadonlyMap<string, string> | undefined;
}

/** Somewhere that is not this machine itself, where what packages bring may run: there wheels are built from source. */
export interface SourceBuilder extends UvPlace {
  /** All that decides what comes out of a build beside the source: what is below it, and by what it is built. */
  readonly environment: string;
  /**
   * The wheel of a source distribution: built, or built before in the same environment. Its address is a file of this
   * machine. Raises PackageBuildError, and what fetching the source raises.
   */
  build(source: NamedSource): Promise<WheelFile>;
  /**
   * The same for what a requirement names. A repository is fetched there too, with its secrets. Raises
   * RepositoryError also, and what reading the files raises.
   */
  buildRequirement(
    requirement: SourceRequirement,
    options: BuildRequirementOptions,
  ): Promise<BuiltSource>;
  /** To be called before the content of a wheel that was built is read: it may be elsewhere still. */
  bring(wheel: WheelFile): Promise<void>;
}

export interface SourceBuilderOptions {
  /** Where builds get what they require. */
  readonly settings: IndexSettings;
  /** Finds uv on this machine, for when it is needed. */
  readonly uv: () => Promise<string>;
}

export type OpenSourceBuilder = (options: SourceBuilderOptions) => Promise<SourceBuilder>;
