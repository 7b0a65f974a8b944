import type { Outline } from "../../base/outline.ts";
import type { Digest } from "../../files/digest.ts";
import type { FileTree } from "../../files/tree.ts";
import type { Compiler } from "../../python/bytecode.ts";
import type { InstallTarget } from "../../python/install-target.ts";
import type { DirectUrl } from "../plan.ts";
import type { Owner } from "../resolve/ground.ts";
import type { Grounds } from "./grounds.ts";

/** A wheel file on this machine, checked against its hash. */
export interface LocalWheel {
  /** Normalized (PEP 503). */
  readonly name: string;
  readonly digest: Digest;
  /** Where it is; in the store its name there is its hash. */
  readonly path: string;
  /** As PEP 427 has it. */
  readonly filename: string;
  readonly directUrl?: DirectUrl;
}

interface WheelsJobBase {
  readonly wheels: readonly LocalWheel[];
  readonly target: InstallTarget;
}

/** The files of wheels. */
export interface WheelsJob extends WheelsJobBase {
  readonly kind: "wheels";
}

/** The bytecode of wheels. */
export interface BytecodeJob extends WheelsJobBase {
  readonly kind: "bytecode";
  readonly compiler: Compiler;
}

/** The files that several wheels own with different content, as the winner has them, and their bytecode. */
export interface OverlapsJob extends WheelsJobBase {
  readonly kind: "overlaps";
  readonly compiler?: Compiler;
}

/** What must be known of a wheel to see whether it shares files with others: no layer. */
export interface GroundsJob {
  readonly kind: "grounds";
  readonly wheel: LocalWheel;
  readonly target: InstallTarget;
}

/** Files of the user's, placed on what lies below. */
export interface SourceJob {
  readonly kind: "source";
  readonly tree: FileTree;
  readonly destination: string;
  readonly owner: Owner;
  readonly outline: Outline;
}

/** Work on a layer for a thread: plain data, so that it can be sent there. */
export type LayerJob = WheelsJob | BytecodeJob | OverlapsJob | GroundsJob | SourceJob;

/** A finished layer in the store. */
export interface MadeLayer {
  readonly digest: Digest;
  readonly diffId: Digest;
  /** Compressed bytes. */
  readonly size: number;
}

/** What a job gives: its layer, or nothing when there are no files, and what a person should know. */
export interface LayerJobResult {
  readonly layer?: MadeLayer;
  /** Of a {@link GroundsJob}. */
  readonly grounds?: Grounds;
  readonly warnings: readonly string[];
}
