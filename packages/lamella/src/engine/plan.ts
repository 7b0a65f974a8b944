import type { Digest } from "../files/digest.ts";
import type { Platform } from "../image/platform.ts";
import type { Layer } from "../oci/descriptor.ts";

/**
 * What would be built for one platform, as plain data: it can be printed, compared with another, and carried to another
 * machine. Everything the outside world had to say is in it: the pinned base, the locked packages, the files' digests.
 */
export interface BuildPlan {
  readonly version: 1;
  /** The image's identifier: 64 hexadecimal digits. */
  readonly identifier: string;
  readonly platform: Platform;
  readonly base: PlannedBase;
  readonly python?: PlannedPython;
  readonly packages: readonly PlannedPackage[];
  /** In layer order, bottom first. */
  readonly steps: readonly Step[];
  /**
   * What lies above the last step can only be planned when that has been executed, and why. (What lies above a step that
   * executes is planned as if that changed nothing that matters, and again when it has been executed.)
   */
  readonly pending?: string;
  readonly config: PlannedConfig;
}

export interface PlannedBase {
  /** As the definition names it, fully qualified. */
  readonly reference: string;
  /** Of the platform's manifest. */
  readonly digest: Digest;
  readonly layers: readonly Layer[];
}

export interface PlannedPython {
  /** Minor version, for example `3.11`. */
  readonly version: string;
  /** The prefix as it is named inside the image, for example `/opt/venv`. */
  readonly prefix: string;
  /** Where that is once the base's links are followed, relative to the root: `opt/venv`. */
  readonly physicalPrefix: string;
  /** The Python that compiles bytecode; absent when there is none, and then the image has none. */
  readonly compiler?: PlannedCompiler;
}

export interface PlannedCompiler {
  /** Full version, for example `3.11.7`. */
  readonly version: string;
  /** `sys.implementation.cache_tag`: the middle of a `.pyc` file's name. */
  readonly cacheTag: string;
}

export interface PlannedPackage {
  /** Normalized (PEP 503). */
  readonly name: string;
  readonly version: string;
  /** The wheel's file name. */
  readonly wheel: string;
  /** Of the wheel file. */
  readonly digest: Digest;
  /** Length of the wheel file in bytes. */
  readonly size: number;
  /** Where it came from, when a requirement named an address, a file or a folder itself (PEP 610), without credentials. */
  readonly directUrl?: DirectUrl;
}

/** The content of `direct_url.json` (PEP 610). Where files and folders of this machine lay is not in it. */
export type DirectUrl =
  | {
      readonly url: string;
      readonly archive_info: { readonly hashes: { readonly sha256: string } };
    }
  | {
      readonly url: string;
      readonly vcs_info: {
        readonly vcs: "git";
        readonly requested_revision?: string;
        readonly commit_id: string;
      };
      readonly subdirectory?: string;
    }
  | { readonly url: string; readonly dir_info: { readonly editable?: true } };

interface StepBase {
  /** Decides the step's result: a step whose key has a remembered result is not run. */
  readonly key: Digest;
  /** Whether the step only places files, or must execute in a root filesystem. */
  readonly needs: "files" | "rootfs";
  /** For people: what the layer holds. */
  readonly title: string;
}

/** Wheels that share a layer, by index into the plan's `packages`. */
export interface WheelsStep extends StepBase {
  readonly kind: "wheels";
  readonly packages: readonly number[];
}

/** The bytecode of wheels that share a layer. */
export interface BytecodeStep extends StepBase {
  readonly kind: "bytecode";
  readonly packages: readonly number[];
}

/** Where several wheels own one path: the file of the one that wins, again, on top. No layer when there is none. */
export interface OverlapsStep extends StepBase {
  readonly kind: "overlaps";
  readonly packages: readonly number[];
}

/** A few small files and directories that the plan holds whole: the venv, users, removals, parents' modes. */
export interface InlineStep extends StepBase {
  readonly kind: "inline";
  readonly entries: readonly InlineEntry[];
}

export type InlineEntry =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      readonly text: string;
    }
  | {
      readonly kind: "directory";
      readonly path: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      readonly kind: "symlink";
      readonly path: string;
      readonly target: string;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly kind: "whiteout"; readonly path: string };

/** Files of the user's: a source folder, or source files. */
export interface SourceStep extends StepBase {
  readonly kind: "source";
  /** Absolute path in the image, links of the base not yet followed. */
  readonly destination: string;
  /** Of the tree: its paths, modes and contents. */
  readonly tree: Digest;
  readonly files: number;
  /** Bytes of all files. */
  readonly size: number;
}

/**
 * A command that runs in a root filesystem of all that lies below, as root. What it changes is the layer. Its result is
 * remembered by that chain of layers; `key` knows them by their steps' keys, so it is there before they are.
 */
export interface ExecuteStep extends StepBase {
  readonly kind: "execute";
  readonly needs: "rootfs";
  /** Who wrote the command: the definition's author, or we, for Debian packages. */
  readonly purpose: "command" | "apt";
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Without the secrets' values, and without what only this machine knows (proxies, indexes). */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path in the image. */
  readonly workdir: string;
  /** What it is given while it runs, by name. */
  readonly secrets: readonly PlannedSecret[];
  /** Folders that steps keep from build to build, and that are in no layer. */
  readonly caches: readonly PlannedCache[];
}

export interface PlannedSecret {
  /** `KEY`, or `GROUP/KEY`. */
  readonly id: string;
  /** The file that it is. */
  readonly path?: string;
  /** The variable that it is. */
  readonly variable?: string;
}

export interface PlannedCache {
  /** Steps with caches of one name share them. */
  readonly id: string;
  /** Absolute path in the image. */
  readonly path: string;
}

export type Step = WheelsStep | BytecodeStep | OverlapsStep | InlineStep | SourceStep | ExecuteStep;

/** A step that only places files. */
export type FileStep = Exclude<Step, ExecuteStep>;

/** What the image's config says beyond the base's. */
export interface PlannedConfig {
  readonly env: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly shell?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}
