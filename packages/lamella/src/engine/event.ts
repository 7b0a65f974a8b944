import type { Platform } from "../image/platform.ts";
import type { BuildPlan } from "./plan.ts";
import type { BuildResult } from "./result.ts";

/** The sort of work a task is; progress renderers group and word by it. */
export type TaskKind =
  /** A cache in a registry is read, or written. */
  | "cache"
  /** Reading the base's manifest, config and outline. */
  | "base"
  /** Requirements become locked wheels. */
  | "resolve"
  /** Files of the user's are hashed. */
  | "sources"
  /** A wheel is fetched; progress in bytes. */
  | "fetch"
  /** Layers are unpacked, so that a command can run on them; progress in bytes of their blobs. */
  | "unpack"
  /** A command of the definition runs, and what it changed becomes a layer. */
  | "execute"
  /** A layer is made. */
  | "layer"
  /** A blob goes to the target; progress in bytes. */
  | "push"
  /** The manifest, and the tags with it. */
  | "publish";

/** `deferred`: it has to wait for a command that lies below, and is done again then. */
export type TaskOutcome = "done" | "cached" | "exists" | "mounted" | "deferred";

export interface Task {
  /** Unique in its build. */
  readonly id: number;
  readonly kind: TaskKind;
  readonly name: string;
  readonly platform?: Platform;
  /** Bytes, where they are known beforehand. */
  readonly total?: number;
}

/**
 * What happens in a build, in order; secrets are taken out. `planned` comes once a platform, and again when a step that was
 * executed has changed what is above it. Terminal progress, plain logs, JSON lines and the service's log are renderings of
 * this stream. `at` is in milliseconds since the build began. After `finished` or `failed` nothing follows.
 */
export type BuildEvent = { readonly at: number } & (
  | { readonly kind: "started"; readonly identifier: string; readonly uri: string }
  | { readonly kind: "planned"; readonly plan: BuildPlan }
  | { readonly kind: "task-started"; readonly task: Task }
  | {
      readonly kind: "task-progress";
      readonly id: number;
      readonly done: number;
      readonly total?: number;
    }
  | {
      /** A line that a command wrote, without secrets. */
      readonly kind: "task-output";
      readonly id: number;
      readonly stream: "stdout" | "stderr";
      readonly text: string;
    }
  | {
      readonly kind: "task-finished";
      readonly id: number;
      readonly outcome: TaskOutcome;
      readonly detail?: string;
      readonly bytes?: number;
    }
  | { readonly kind: "task-failed"; readonly id: number; readonly message: string }
  | {
      readonly kind: "warning";
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
    }
  | { readonly kind: "finished"; readonly result: BuildResult }
  | {
      readonly kind: "failed";
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
    }
);
