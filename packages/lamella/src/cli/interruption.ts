import { InterruptedError } from "./error.ts";
import { exitCode } from "./exit-code.ts";

const codes = {
  SIGINT: exitCode.interrupted,
  SIGTERM: exitCode.terminated,
  SIGHUP: exitCode.hangUp,
} as const;

/**
 * A signal that is aborted by the first Ctrl-C (or SIGTERM, SIGHUP), so that what runs can stop cleanly. The second
 * one ends the process at once.
 */
export function watchInterruptions(process: NodeJS.Process): AbortSignal {
  const controller = new AbortController();
  for (const name of Object.keys(codes) as (keyof typeof codes)[]) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(codes[name]);
      controller.abort(new InterruptedError(name));
    });
  }
  return controller.signal;
}

/** The exit code of a process that stopped because of a signal. */
export function interruptedCode({ signal }: InterruptedError): number {
  return signal in codes ? codes[signal as keyof typeof codes] : exitCode.failure;
}
