import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes of a thread's buffers that may be waiting for collection. */
const tolerated = 16 * 1024 * 1024;

let collect: (() => void) | undefined;
let spent = 0;

/**
 * Says that buffers of so many bytes were made and are as good as done with. Each chunk that is read, and each piece that
 * zlib inflates, is a new buffer; V8, which sees only their small handles, lets some 80 MB of dead ones pile up in every
 * thread before it looks. Here it looks every {@link tolerated} bytes, some ten milliseconds each time.
 */
export function spend(bytes: number): void {
  spent += bytes;
  if (spent < tolerated) return;
  spent = 0;
  collect ??= exposeCollection();
  collect();
}

/** The collector is there for who asks by this flag, in contexts that are made after it. */
function exposeCollection(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
