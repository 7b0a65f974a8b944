import { LamellaError } from "../error.ts";
import { Store } from "../store/store.ts";
import { StepFailedError } from "./error.ts";
import type { RootlessAnswer, RootlessFailure, RootlessRequest } from "./rootless-message.ts";
import { runStep } from "./run-step.ts";

// The body of the process that is root in a user namespace: takes one step, and answers with its layer. It gives up
// when its parent says so, or has ended.
const stop = new AbortController();
const abort = (): void => stop.abort(new Error("The step is to end."));

process.on("disconnect", abort);
// Ctrl-C reaches all processes of a terminal; what it means is the parent's to say.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("message", (request: RootlessRequest) => {
  if (request.kind === "end") abort();
  else void work(request);
});

async function work({
  storeRoot,
  options,
}: RootlessRequest & { readonly kind: "step" }): Promise<void> {
  try {
    await using store = await Store.open(storeRoot);
    const layer = await runStep({
      ...options,
      store,
      signal: stop.signal,
      onOutput: (stream, bytes) => answer({ kind: "output", stream, bytes }),
      onProgress: (of, bytes) => answer({ kind: "progress", layer: of, bytes }),
    });
    answer({ kind: "done", layer });
  } catch (error) {
    answer(failure(error));
  }
  // Sent messages go first.
  if (process.connected) process.disconnect();
}

function answer(message: RootlessAnswer): void {
  if (process.connected) process.send?.(message);
}

function failure(error: unknown): RootlessFailure {
  const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  return {
    kind: "failed",
    message,
    stack,
    ...(error instanceof LamellaError && { code: error.code, hint: error.hint }),
    ...(error instanceof StepFailedError && {
      end: { args: error.args, exitCode: error.exitCode, lastLines: error.lastLines },
    }),
  };
}
