import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

// V8 sees only the small handles of buffers: it lets some 80 MB of dead ones pile up in every thread before it looks.

/** Bytes of a thread's buffers that may be waiting for collection. */
const tolerated = 8 * 1024 * 1024;

/** Every so many collections a thorough one, which also gives back the room that short-lived objects took. */
const thoroughEvery = 32;

type Collector = (options: {
  readonly type: "major";
  readonly execution: "sync";
  readonly flavor: "regular" | "last-resort";
}) => void;

let collect: Collector | undefined;
let spent = 0;
let collections = 0;

/**
 * Frees a buffer that nobody else has, at once and without the collector. It and all views of it are empty afterwards.
 * Never for what a stream or a socket may still hold.
 */
export function release({ buffer }: Uint8Array): void {
  // Small Buffers share a slab of that size with others.
  if (buffer.byteLength > Buffer.poolSize && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/**
 * Says that buffers of so many bytes were made and will soon be done with, where nobody can say when: those that streams
 * read or inflate, or that several contents share. The collector is called for every {@link tolerated} bytes; it takes
 * some ten milliseconds.
 */
export function spend(bytes: number): void {
  spent += bytes;
  if (spent < tolerated) return;
  spent = 0;
  collections += 1;
  collect ??= exposeCollection();
  const flavor = collections % thoroughEvery === 0 ? "last-resort" : "regular";
  collect({ type: "major", execution: "sync", flavor });
}

/** The collector is there for who asks by this flag, in contexts that are made after it. */
function exposeCollection(): Collector {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as Collector;
}
