import type { BaseDefinition, UserDefinition } from "./base.ts";
import type { LayerDefinition } from "./layer.ts";
import type { Platform } from "./platform.ts";

export type { BaseDefinition, DebianBase, RegistryBase, UserDefinition } from "./base.ts";
export type { LayerDefinition } from "./layer.ts";

/**
 * What an image is, as plain data: it can be cloned, printed and sent. What is absent is absent, never `undefined`.
 */
export interface ImageDefinition {
  readonly base: BaseDefinition;
  /** Where the image goes: host, with a path if there is one (`ghcr.io/acme`). */
  readonly registry?: string;
  readonly name?: string;
  /** An explicit tag, in place of the identifier's. */
  readonly tag?: string;
  /** Minor version: `3.12`. */
  readonly pythonVersion?: string;
  /** In the order of {@link platforms}; absent for those of the base, found at build. */
  readonly platforms?: readonly Platform[];
  /**
   * Absolute folder that relative paths are relative to, and where the lock lies. No part of the identifier: where files
   * lie does not matter, only what they contain.
   */
  readonly root: string;
  /** A user to make, whom the image runs as and who owns its sources. */
  readonly user?: UserDefinition;
  /** Variables below those of the layers. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Working directory below the first layer, in place of the base's. */
  readonly workdir?: string;
  /** The `.dockerignore` file that holds for all that is copied; it enters the identifier by what it leaves. */
  readonly ignoreFile?: string;
  /** Bottom first. */
  readonly layers: readonly LayerDefinition[];
}
