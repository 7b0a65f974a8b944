import { setImmediate as nextTurn } from "node:timers/promises";

/**
 * Synchronous work cut into short pieces: it yields after each, and returns its result at the end.
 *
 * Why: file calls that wait for a thread of the pool cost several times what the call itself costs (a `stat` takes a
 * few microseconds), so hashing a tree of small files is far faster with synchronous calls. Cut into pieces, the same
 * code serves a synchronous caller ({@link runToEnd}) and one that must not block its event loop ({@link runInSlices}).
 */
export type SlicedWork<T> = Generator<void, T, void>;

/** How long, in milliseconds, the event loop may wait for a slice of work. */
const sliceMilliseconds = 8;

/** Runs the work at once. */
export function runToEnd<T>(work: SlicedWork<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** Runs the work in slices of a few milliseconds, between which the event loop turns. Raises the signal's reason. */
export async function runInSlices<T>(work: SlicedWork<T>, signal?: AbortSignal): Promise<T> {
  try {
    for (;;) {
      signal?.throwIfAborted();
      const end = performance.now() + sliceMilliseconds;
      do {
        const step = work.next();
        if (step.done) return step.value;
      } while (performance.now() < end);
      await nextTurn();
    }
  } finally {
    // Lets the work close the file that it has open when the signal ends it.
    work.return(undefined as T);
  }
}

/** Gives a sequence on. Between its items the event loop turns every few milliseconds, so that it hears of signals. */
export async function* inTurns<T>(
  items: Iterable<T> | AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
  let end = performance.now() + sliceMilliseconds;
  for await (const item of items) {
    yield item;
    if (performance.now() < end) continue;
    await nextTurn();
    end = performance.now() + sliceMilliseconds;
  }
}
