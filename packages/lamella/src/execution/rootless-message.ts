import type { Layer } from "../oci/descriptor.ts";
import type { StepOptions } from "./step.ts";

/** What the process that is started in a user namespace is asked. Sent through a pipe: secrets are in it. */
export type RootlessRequest =
  | {
      readonly kind: "step";
      readonly storeRoot: string;
      readonly options: Omit<StepOptions, "store" | "onOutput" | "signal" | "onProgress">;
    }
  /** To give up what it is at. */
  | { readonly kind: "end" };

/** What it tells: any number of the first two, then one of the others. */
export type RootlessAnswer =
  | { readonly kind: "output"; readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }
  | { readonly kind: "progress"; readonly layer: Layer; readonly bytes: number }
  | { readonly kind: "done"; readonly layer: Layer | undefined }
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
