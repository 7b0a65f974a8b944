import type { Invocation } from "./enclosure.ts";

/** A container that needs nothing more than to be run on its root filesystem. */
export interface PreparedContainer extends Invocation {
  /** To be asked after it ended: why its command could not be started; undefined for one that ran. */
  readonly failure: () => Promise<Error | undefined>;
}
