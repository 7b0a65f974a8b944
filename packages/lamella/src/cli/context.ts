import type { CommandContext } from "@stricli/core";
import type { Interruptions } from "./interruption.ts";

/** What a command knows of the process that it runs in. */
export interface CliContext extends CommandContext {
  readonly process: {
    readonly stdout: NodeJS.WriteStream;
    readonly stderr: NodeJS.WriteStream;
    readonly env: NodeJS.ProcessEnv;
    /** Set by Stricli; negative for errors of the command line. */
    exitCode?: number | string | null;
  };
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted when somebody wants the process to stop; the reason is an {@link InterruptedError}. */
  readonly signal: AbortSignal;
  readonly interruptions: Interruptions;
  /** The exit code of a command that has one of its own to hand on, as `lamella run` does; also beside an error. */
  exitWith(code: number): void;
}
