import type { DigestMemo } from "../files/digest-memo.ts";
import type { Platform } from "../image/platform.ts";
import type { Store } from "../store/store.ts";
import type { Lock } from "./lock.ts";
import type { Environment } from "./package-index/pip-settings.ts";
import type { IndexSettings } from "./package-index/settings.ts";
import type { PoetryCall } from "./poetry-calls.ts";
import type { ProjectCall } from "./project-packages.ts";
import type { Requirement, SourceRequirement } from "./requirements.ts";
import type { RequirementsSettings } from "./requirements-file.ts";
import type { OpenSourceBuilder } from "./source-builder.ts";
import type { CLibrary } from "./tags.ts";

/** What one call asks for (`withPipPackages`, `withRequirements`, `withUvProject`), and the settings that came with it. */
export interface ResolveCall extends Partial<RequirementsSettings> {
  readonly requirements: readonly Requirement[];
  /** What has to be built. */
  readonly sources?: readonly SourceRequirement[];
  readonly constraints?: readonly Requirement[];
  /** A project whose lock says exactly what is installed. */
  readonly project?: ProjectCall | undefined;
  /** The same, whose lock does not say where the files are. */
  readonly poetry?: PoetryCall | undefined;
  /** The ids of secrets by the variables that they are in, for what `$NAME` in an address stands for. */
  readonly secrets?: ReadonlyMap<string, string>;
}

/** Whether a call asks for any package. */
export function asksForPackages({
  requirements,
  sources = [],
  project,
  poetry,
}: ResolveCall): boolean {
  return requirements.length > 0 || sources.length > 0 || (project ?? poetry) !== undefined;
}

/** A distribution by name and version. */
export interface InstalledDistribution {
  readonly name: string;
  readonly version: string;
}

export interface ResolveOptions {
  /** In the order in which they were made; all are resolved together. */
  readonly calls: readonly ResolveCall[];
  /** Minor version of CPython, `3.11`. */
  readonly python: string;
  /**
   * The base's exact version, `3.11.2`, where it is known. Markers such as `python_full_version < "3.11.3"` are real
   * (redis, aiohttp) and are judged by it; without it, by `3.11.0`.
   */
  readonly pythonFullVersion?: string | undefined;
  readonly platform: Platform;
  readonly libc: CLibrary;
  /** What the target prefix of the base has: kept where the requirements allow it. */
  readonly installed?: readonly InstalledDistribution[];
  /** Versions to keep where the requirements allow it: an older lock, or that of another platform. */
  readonly preferences?: Lock | undefined;
  /**
   * An interpreter of this machine, of any version, for uv to start from. Without one uv looks for itself, and asks each
   * that it finds: a third of a second where version managers put shims on PATH.
   */
  readonly interpreter?: string | undefined;
  /** Resolve anew, asking the indexes and forgetting older versions. */
  readonly upgrade?: boolean;
  readonly store: Store;
  /** Remembers hashes of wheels in folders of this machine. */
  readonly memo?: DigestMemo | undefined;
  readonly env: Environment;
  /** The machine's, where they are read already. */
  readonly indexes?: IndexSettings | undefined;
  /** Opens what builds wheels from source, if the packages cannot be had without. Where absent, that is an error. */
  readonly sources?: OpenSourceBuilder | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told before uv is installed, which can take a minute. */
  readonly onInstallUv?: (() => void) | undefined;
}

/** The target in words, for messages. */
export function describeTarget({
  python,
  pythonFullVersion,
  platform,
  libc,
}: ResolveOptions): string {
  return `Python ${pythonFullVersion ?? python} on ${platform} (${libc.kind} ${libc.major}.${libc.minor})`;
}
