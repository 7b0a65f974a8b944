import { Compilers } from "./compilers.ts";
import type { LayerJob, LayerJobResult } from "./layer-job.ts";
import { runLayerJob } from "./run-layer-job.ts";
import type { LayerStore } from "./store-layer.ts";

/** Where layers are made, on whatever thread: several at a time, with interpreters that stay until it is disposed of. */
export class LayerBench implements AsyncDisposable {
  readonly #store: LayerStore["store"];
  readonly #compilers: Compilers;
  readonly #signal: AbortSignal;
  readonly #working = new Set<Promise<unknown>>();

  /** The signal ends all that is being made. */
  constructor(store: LayerStore["store"], signal: AbortSignal) {
    this.#store = store;
    this.#compilers = new Compilers(signal);
    this.#signal = signal;
  }

  /** Makes a layer, and puts it into the store. */
  async run(job: LayerJob): Promise<LayerJobResult> {
    const bench = { store: this.#store, compilers: this.#compilers, signal: this.#signal };
    const work = runLayerJob(job, bench);
    this.#working.add(work);
    try {
      return await work;
    } finally {
      this.#working.delete(work);
    }
  }

  /** Waits for what is being made, whatever comes of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#working);
    await this.#compilers[Symbol.asyncDispose]();
  }
}
