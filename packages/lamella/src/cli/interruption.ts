import { InterruptedError } from "./error.ts";
import { exitCode } from "./exit-code.ts";

const codes = {
  SIGINT: exitCode.interrupted,
  SIGTERM: exitCode.terminated,
  SIGHUP: exitCode.hangUp,
} as const;
const names = Object.keys(codes) as (keyof typeof codes)[];

/** What somebody wants who presses Ctrl-C, or sends SIGTERM or SIGHUP. */
export interface Interruptions {
  /** Aborted by the first of those signals, so that what runs can stop cleanly; the second ends the process at once. */
  readonly signal: AbortSignal;
  /** Leaves the signals to somebody else, until the returned object is disposed of. */
  handOver(): Disposable;
}

export function watchInterruptions(process: NodeJS.Process): Interruptions {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    const code = codes[name as keyof typeof codes];
    if (controller.signal.aborted) process.exit(code);
    controller.abort(new InterruptedError(name, code));
  };
  const watch = (): void => names.forEach((name) => process.on(name, onSignal));
  watch();
  return {
    signal: controller.signal,
    handOver: () => {
      for (const name of names) process.off(name, onSignal);
      return { [Symbol.dispose]: watch };
    },
  };
}
