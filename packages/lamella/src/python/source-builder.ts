import type { SourceFile, WheelFile } from "./lock.ts";
import type { IndexSettings } from "./package-index/settings.ts";
import type { UvPlace } from "./uv-compile.ts";

/** A source distribution to build. */
export interface NamedSource {
  /** Normalized. */
  readonly name: string;
  readonly version: string;
  readonly file: SourceFile;
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
}

export interface SourceBuilderOptions {
  /** Where builds get what they require. */
  readonly settings: IndexSettings;
  /** Path of uv on this machine. */
  readonly uv: string;
  /** Files and folders of this machine that may be read there, by their absolute paths, which are the same there. */
  readonly readable: readonly string[];
}

export type OpenSourceBuilder = (options: SourceBuilderOptions) => Promise<SourceBuilder>;
