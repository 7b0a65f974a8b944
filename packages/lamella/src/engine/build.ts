import type { BuildEvent } from "./event.ts";
import type { BuildResult } from "./result.ts";

/**
 * A running build: await it for its result, or iterate over it for its events (each iteration sees all of them, from
 * the first). An iteration ends with the build and does not throw for a failed one: its last event is `failed`.
 *
 * @example
 * ```ts
 * const building = build(image);
 * for await (const event of building) console.log(event.kind);
 * const { uri, digest } = await building;
 * ```
 */
export class Build implements PromiseLike<BuildResult>, AsyncIterable<BuildEvent> {
  readonly #events: BuildEvent[] = [];
  readonly #result: Promise<BuildResult>;
  #ended = false;
  #wake = Promise.withResolvers<void>();

  /** `run` is called at once; what it emits is kept until the build is let go. */
  constructor(run: (emit: (event: BuildEvent) => void) => Promise<BuildResult>) {
    this.#result = run((event) => {
      this.#events.push(event);
      this.#signal();
    }).finally(() => {
      this.#ended = true;
      this.#signal();
    });
    // A caller who only iterates learns of a failure from the last event: no unhandled rejection for them.
    this.#result.catch(() => undefined);
  }

  #signal(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  // oxlint-disable-next-line unicorn/no-thenable -- `await build(image)` is the documented call
  then<A = BuildResult, B = never>(
    onResult?: ((result: BuildResult) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onResult, onError);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<BuildEvent, void, void> {
    for (let next = 0; ; ) {
      const wake = this.#wake.promise;
      while (next < this.#events.length) yield this.#events[next++] as BuildEvent;
      if (this.#ended && next >= this.#events.length) return;
      if (next >= this.#events.length) await wake;
    }
  }
}
