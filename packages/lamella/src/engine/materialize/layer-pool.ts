import { Worker } from "node:worker_threads";
import { LamellaError } from "../../error.ts";
import type { Store } from "../../store/store.ts";
import type { LayerBench } from "./layer-bench.ts";
import type { LayerJob, LayerJobResult } from "./layer-job.ts";

/** What the pool sends to a worker: a job, or that it is to end, whatever it is at. */
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
 * The most that is made at once on the main thread, by weight: a thread costs a tenth of a second to start, of its own time
 * and of a processor's.
 */
const smallWork = 8 * 1024 * 1024;

/**
 * Threads that make layers. Hashing and inflating are CPU work: on the main thread they would hold up downloads and
 * uploads. The heaviest waiting job goes first, since a large one begun last is what everybody waits for at the end.
 * Where there is little to make, no thread is started for it.
 */
export class LayerPool implements AsyncDisposable {
  readonly #store: Store;
  readonly #size: number;
  readonly #signal: AbortSignal;
  readonly #idle: Worker[] = [];
  /** Each with the promise of its end. */
  readonly #workers = new Map<Worker, Promise<void>>();
  readonly #waiting: Waiting[] = [];
  readonly #running = new Map<Worker, Waiting>();
  readonly #abort = (): void => this.#close(this.#signal.reason);
  readonly #stopHere = new AbortController();
  /** What makes layers on this thread. */
  #here: Promise<LayerBench> | undefined;
  /** Of what is being made on this thread. */
  #weightHere = 0;
  #closed: { readonly reason: unknown } | undefined;

  /** `size` threads at most; they are started when there is work for them, and give up when the signal says so. */
  constructor(store: Store, size: number, signal: AbortSignal) {
    this.#store = store;
    this.#size = size;
    this.#signal = signal;
    signal.addEventListener("abort", this.#abort, { once: true });
    if (signal.aborted) this.#abort();
  }

  /**
   * `weight` is the size in bytes of what goes in; `begin` is called when the job is begun. Rejects with the job's
   * own error, or with the reason why the pool was closed.
   */
  run(job: LayerJob, weight: number, begin: () => void): Promise<LayerJobResult> {
    if (this.#closed) return Promise.reject(this.#closed.reason);
    const isIdle = this.#running.size === 0 && this.#waiting.length === 0;
    if (isIdle && this.#weightHere + weight <= smallWork) return this.#runHere(job, weight, begin);
    const settle = Promise.withResolvers<LayerJobResult>();
    const at = this.#waiting.findIndex((other) => other.weight < weight);
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, { job, weight, begin, settle });
    this.#dispatch();
    return settle.promise;
  }

  async #runHere(job: LayerJob, weight: number, begin: () => void): Promise<LayerJobResult> {
    this.#weightHere += weight;
    begin();
    try {
      const bench = await (this.#here ??= this.#openBench());
      return await bench.run(job);
    } catch (error) {
      throw this.#closed ? this.#closed.reason : error;
    } finally {
      this.#weightHere -= weight;
    }
  }

  async #openBench(): Promise<LayerBench> {
    // Only now: most builds have nothing to make.
    const { LayerBench } = await import("./layer-bench.ts");
    return new LayerBench(this.#store, this.#stopHere.signal);
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
      workerData: { storeRoot: this.#store.root },
      resourceLimits: { maxYoungGenerationSizeMb: youngGeneration },
    });
    this.#workers.set(worker, new Promise((resolve) => worker.once("exit", () => resolve())));
    worker.on("message", (answer: JobAnswer) => {
      const finished = this.#running.get(worker);
      this.#running.delete(worker);
      // One that is to end, and whose answer came in between, holds the process until it has.
      if (!this.#closed) worker.unref();
      this.#idle.push(worker);
      this.#dispatch();
      if (answer.ok) finished?.settle.resolve(answer.result);
      else finished?.settle.reject(this.#closed ? this.#closed.reason : revive(answer));
    });
    worker.on("error", (error) => this.#lose(worker, error));
    worker.on("exit", (code) => {
      this.#workers.delete(worker);
      this.#lose(worker, new Error(`A layer thread ended with code ${code}.`));
    });
    return worker;
  }

  #lose(worker: Worker, error: unknown): void {
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#running.get(worker)?.settle.reject(this.#closed ? this.#closed.reason : error);
    this.#running.delete(worker);
    this.#dispatch();
  }

  /**
   * Rejects what waits, and tells the threads to end. They do that themselves, with all that they have begun: to terminate
   * one leaves its files and its interpreters, and has crashed the process when the thread was only just starting.
   */
  #close(reason: unknown): void {
    if (this.#closed) return;
    this.#closed = { reason };
    this.#stopHere.abort(reason);
    for (const { settle } of this.#waiting.splice(0)) settle.reject(reason);
    for (const worker of this.#workers.keys()) {
      worker.ref();
      worker.postMessage({ end: true } satisfies JobRequest);
    }
  }

  /** Waits until all has ended; what is being made is given up, and rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener("abort", this.#abort);
    this.#close(new Error("The build was stopped."));
    const here = await this.#here;
    await Promise.all([...this.#workers.values(), here?.[Symbol.asyncDispose]()]);
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
