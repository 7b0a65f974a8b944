import { LamellaError } from "../error.ts";
import { prune } from "../store/prune.ts";
import { Store } from "../store/store.ts";
import { StepFailedError } from "./error.ts";
import type {
  RootlessAnswer,
  RootlessFailure,
  RootlessRequest,
  RootlessResults,
  RootlessWork,
} from "./rootless-message.ts";
import { runStep } from "./run-step.ts";

// The body of the process that is root in a user namespace: does one work, and answers with what came of it. It
// gives up when its parent says so, or has ended.
const stop = new AbortController();
const abort = (): void => stop.abort(new Error("The work is to end."));

process.on("disconnect", abort);
// Ctrl-C reaches all processes of a terminal; what it means is the parent's to say.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("message", (request: RootlessRequest) => {
  if (request.kind === "end") abort();
  else void work(request);
});

async function work(asked: RootlessWork): Promise<void> {
  try {
    await using store = await Store.open(asked.storeRoot);
    answer({ kind: "done", result: await resultOf(asked, store) });
  } catch (error) {
    answer(failure(error));
  }
  // Sent messages go first.
  if (process.connected) process.disconnect();
}

async function resultOf(
  asked: RootlessWork,
  store: Store,
): Promise<RootlessResults[keyof RootlessResults]> {
  const { signal } = stop;
  switch (asked.kind) {
    case "step":
      return await runStep({
        ...asked.options,
        store,
        signal,
        onOutput: (stream, bytes) => answer({ kind: "output", stream, bytes }),
        onProgress: (layer, bytes) => answer({ kind: "progress", layer, bytes }),
        onUnpacked: () => answer({ kind: "unpacked" }),
      });
    case "prune":
      return await prune(store, { ...asked.options, signal });
    case "tidy":
      // Done when the store was opened.
      return undefined;
  }
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
