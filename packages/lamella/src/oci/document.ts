import type { Descriptor } from "./descriptor.ts";

/** A manifest, an index or a config with the exact bytes that its digest is of. */
export interface Document {
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor;
}
