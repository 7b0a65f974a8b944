import type { Layer } from "../oci/descriptor.ts";
import type { PruneOptions, PruneReport } from "../store/prune.ts";
import type { StepOptions } from "./step.ts";

/** What the process that is started in a user namespace is to do. Sent through a pipe: secrets are in it. */
export type RootlessWork =
  | {
      readonly kind: "step";
      readonly storeRoot: string;
      readonly options: Omit<
        StepOptions,
        "store" | "onOutput" | "signal" | "onProgress" | "onUnpacked"
      >;
    }
  | {
      readonly kind: "prune";
      readonly storeRoot: string;
      readonly options: Omit<PruneOptions, "signal">;
    }
  /** To remove what killed processes have left in the store. */
  | { readonly kind: "tidy"; readonly storeRoot: string };

/** What comes of it. */
export interface RootlessResults {
  readonly step: Layer | undefined;
  readonly prune: PruneReport;
  readonly tidy: undefined;
}

/** What it is asked: its work once, and then perhaps to give it up. */
export type RootlessRequest = RootlessWork | { readonly kind: "end" };

/** What it tells: any number of the first three, then one of the others. */
export type RootlessAnswer =
  | { readonly kind: "output"; readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }
  | { readonly kind: "progress"; readonly layer: Layer; readonly bytes: number }
  | { readonly kind: "unpacked" }
  | { readonly kind: "done"; readonly result: RootlessResults[keyof RootlessResults] }
  | RootlessFailure;

/** An error, as plain data. */
export interface RootlessFailure {
  readonly kind: "failed";
  readonly message: string;
  readonly stack: string;
  /** Of a LamellaError. */
  readonly code?: string;
  readonly hint?: string;
  /** Of a command that failed. */
  readonly end?: {
    readonly args: readonly string[];
    readonly exitCode: number;
    readonly lastLines: readonly string[];
  };
}
