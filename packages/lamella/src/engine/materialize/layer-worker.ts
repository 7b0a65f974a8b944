import { parentPort, workerData } from "node:worker_threads";
import { LamellaError } from "../../error.ts";
import { Store } from "../../store/store.ts";
import { LayerBench } from "./layer-bench.ts";
import type { LayerJob } from "./layer-job.ts";
import type { JobAnswer, JobRequest } from "./layer-pool.ts";

// The body of a layer thread: takes one job at a time from the pool, and answers with its result.
const { storeRoot } = workerData as { readonly storeRoot: string };
const stop = new AbortController();
const store = await Store.open(storeRoot);
const bench = new LayerBench(store, stop.signal);

parentPort?.on("message", (request: JobRequest) => {
  if ("end" in request) void end();
  else void work(request.job);
});

async function work(job: LayerJob): Promise<void> {
  try {
    answer({ ok: true, result: await bench.run(job) });
  } catch (error) {
    const ours = error instanceof LamellaError ? { code: error.code, hint: error.hint } : {};
    answer({ ok: false, error, ...ours });
  }
}

function answer(message: JobAnswer): void {
  parentPort?.postMessage(message);
}

/** Gives up the job that is under way. Nothing keeps the thread then. */
async function end(): Promise<void> {
  stop.abort(new Error("The thread is to end."));
  await bench[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  parentPort?.close();
}
