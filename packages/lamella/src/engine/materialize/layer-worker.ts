import { parentPort, workerData } from "node:worker_threads";
import { LamellaError } from "../../error.ts";
import { Store } from "../../store/store.ts";
import { Compilers } from "./compilers.ts";
import type { JobAnswer, JobRequest } from "./layer-pool.ts";
import { runLayerJob } from "./run-layer-job.ts";

// The body of a layer thread: takes one job at a time from the pool, and answers with its result.
const { storeRoot } = workerData as { readonly storeRoot: string };
const bench = { store: await Store.open(storeRoot), compilers: new Compilers() };

parentPort?.on("message", (request: JobRequest) => {
  if ("end" in request) {
    void end();
    return;
  }
  runLayerJob(request.job, bench).then(
    (result) => answer({ ok: true, result }),
    (error: unknown) =>
      answer(
        error instanceof LamellaError
          ? { ok: false, error, code: error.code, hint: error.hint }
          : { ok: false, error },
      ),
  );
});

function answer(message: JobAnswer): void {
  parentPort?.postMessage(message);
}

/** Nothing keeps the thread then. */
async function end(): Promise<void> {
  await bench.compilers[Symbol.asyncDispose]();
  await bench.store[Symbol.asyncDispose]();
  parentPort?.close();
}
