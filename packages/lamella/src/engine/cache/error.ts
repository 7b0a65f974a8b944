import { LamellaError } from "../../error.ts";

/** A reference that no cache can be put to. */
export class CacheReferenceError extends LamellaError {
  readonly code = "cache-reference";
}

/** What is named as a cache is something else: an image, most likely. */
export class NoCacheError extends LamellaError {
  readonly code = "cache-other";
}
