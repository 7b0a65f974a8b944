import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { LamellaError } from "../../error.ts";
import type { LayerJob, LayerJobResult } from "./layer-job.ts";

/** What the pool sends to a worker: a job, or that there will be no more. */
export type JobRequest = { readonly job: LayerJob } | { readonly end: true };

/** What a worker answers: the result, or the error as structured clone keeps it, with what makes it ours. */
export type JobAnswer =
  | { readonly ok: true; readonly result: LayerJobResult }
  | { readonly ok: false; readonly error: unknown; readonly code?: string; readonly hint?: string };

interface Waiting {
  readonly job: LayerJob;
  readonly weight: number;
  readonly begin: () => void;
  readonly settle: PromiseWithResolvers<LayerJobResult>;
}

/** The worker's module: TypeScript in a checkout, JavaScript beside the bundle. */
const workerModule = new URL(
  import.meta.url.endsWith(".ts") ? "./layer-worker.ts" : "./layer-worker.js",
  import.meta.url,
);

/** Of each thread's heap, in MiB. What a layer needs dies at once; the default of 48 would be filled before a collection. */
const youngGeneration = 6;

/**
 * Threads that make layers. Hashing and inflating are CPU work: on the main thread they would hold up downloads and
 * uploads. The heaviest waiting job goes first, since a large one begun last is what everybody waits for at the end.
 */
export class LayerPool implements AsyncDisposable {
  readonly #storeRoot: string;
  readonly #size: number;
  readonly #idle: Worker[] = [];
  readonly #workers = new Set<Worker>();
  readonly #waiting: Waiting[] = [];
  readonly #running = new Map<Worker, Waiting>();
  #closed: Error | undefined;

  /** `size` threads at most; they are started when there is work for them. */
  constructor(storeRoot: string, size: number) {
    this.#storeRoot = storeRoot;
    this.#size = size;
  }

  /** Starts a thread before there is work for it: that takes a tenth of a second, and something is always to be made. */
  warm(): void {
    if (this.#workers.size > 0) return;
    const worker = this.#spawn();
    worker.unref();
    this.#idle.push(worker);
  }

  /**
   * `weight` is the size in bytes of what goes in; `begin` is called when a thread takes the job. Rejects with the job's
   * own error.
   */
  run(job: LayerJob, weight: number, begin: () => void): Promise<LayerJobResult> {
    if (this.#closed) return Promise.reject(this.#closed);
    const settle = Promise.withResolvers<LayerJobResult>();
    const at = this.#waiting.findIndex((other) => other.weight < weight);
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, { job, weight, begin, settle });
    this.#dispatch();
    return settle.promise;
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const worker =
        this.#idle.pop() ?? (this.#workers.size < this.#size ? this.#spawn() : undefined);
      if (!worker) return;
      const next = this.#waiting.shift() as Waiting;
      this.#running.set(worker, next);
      worker.ref();
      next.begin();
      worker.postMessage({ job: next.job } satisfies JobRequest);
    }
  }

  #spawn(): Worker {
    const worker = new Worker(workerModule, {
      workerData: { storeRoot: this.#storeRoot },
      resourceLimits: { maxYoungGenerationSizeMb: youngGeneration },
    });
    this.#workers.add(worker);
    worker.on("message", (answer: JobAnswer) => {
      const finished = this.#running.get(worker);
      this.#running.delete(worker);
      // One that is being stopped, and whose answer came in between, holds the process until it has ended.
      if (!this.#closed) worker.unref();
      this.#idle.push(worker);
      this.#dispatch();
      if (answer.ok) finished?.settle.resolve(answer.result);
      else finished?.settle.reject(revive(answer));
    });
    worker.on("error", (error) => this.#lose(worker, error));
    worker.on("exit", (code) =>
      this.#lose(worker, new Error(`A layer thread ended with code ${code}.`)),
    );
    return worker;
  }

  #lose(worker: Worker, error: unknown): void {
    this.#workers.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#running.get(worker)?.settle.reject(this.#closed ?? error);
    this.#running.delete(worker);
    if (!this.#closed) this.#dispatch();
  }

  /** Ends idle threads, and stops those that are at work: their jobs are rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= new Error("The build was stopped.");
    for (const { settle } of this.#waiting.splice(0)) settle.reject(this.#closed);
    await Promise.all([...this.#workers].map((worker) => this.#end(worker)));
  }

  /** A thread that is idle ends by itself: to terminate one that is only just starting can crash the process. */
  async #end(worker: Worker): Promise<void> {
    if (this.#running.has(worker)) {
      await worker.terminate();
      return;
    }
    const exited = once(worker, "exit");
    worker.ref();
    worker.postMessage({ end: true } satisfies JobRequest);
    await exited;
  }
}

/** An error of ours that was raised on another thread. */
class LayerJobError extends LamellaError {
  readonly code: string;

  constructor(code: string, message: string, hint: string, cause: unknown) {
    super(message, hint, { cause });
    this.code = code;
  }
}

/** Structured clone keeps an error's message and stack, not its class; code and hint travel beside it. */
function revive({ error, code, hint }: JobAnswer & { ok: false }): unknown {
  if (!(error instanceof Error) || code === undefined) return error;
  return new LayerJobError(code, error.message, hint ?? "", error);
}
