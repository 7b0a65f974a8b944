import type { BuildEvent } from "../packages/lamella/src/engine/event.ts";

export type ContenderName = "lamella" | "buildkit";

/**
 * Whether the working directory is set before the sources are copied there, or after. The image is the same. For BuildKit
 * `WORKDIR` makes a directory, so it unpacks all that lies below: where nothing changed there, it does not.
 */
export type CallOrder = "workdir-first" | "workdir-last";

/** A builder as it is on a machine on which it was just installed, with a project to build. */
export interface Contender extends AsyncDisposable {
  readonly name: ContenderName;
  /**
   * Builds an image of the project's sources and these packages, and pushes it, under `tag` where the builder has no tag
   * of its own for it.
   */
  build(packages: readonly string[], tag: string): Promise<BuiltImage>;
  /**
   * Leaves an image of these packages and a cache of it in the registry, and then is on another machine, on which it was
   * just installed: what is built from then on is built with that cache. None of this is measured.
   */
  moveToFreshMachine(packages: readonly string[], order: CallOrder): Promise<void>;
}

export interface BuiltImage {
  /** The whole process, from its start to its end. */
  readonly seconds: number;
  /** What happened in it, where the builder says so in our words. */
  readonly events?: readonly BuildEvent[];
  /**
   * The reference of the same image in a form that Docker's engine reads; to be asked for while the project is as it was
   * built. Making that form is not measured.
   */
  forDocker(): Promise<string>;
}

/** What a contender starts with. Nobody else uses any of it. */
export interface Ground {
  /** Empty, for whatever it keeps. */
  readonly folder: string;
  /** The folder of the project. */
  readonly project: string;
  /** `host:port` of a registry that speaks plain HTTP and has the base and nothing else. */
  readonly registry: string;
  /** The base's reference there. */
  readonly base: string;
  /** Folder of the wheels that both resolve from. */
  readonly wheels: string;
  /** Folder with the executable `uv` and nothing else. */
  readonly tools: string;
  readonly signal: AbortSignal;
}
