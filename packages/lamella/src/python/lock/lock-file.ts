import type { Lock } from "../lock.ts";
import type { LockedCall } from "./locked-call.ts";

/** The content of one lock file: all platforms of one definition. */
export interface LockFile {
  readonly calls: readonly LockedCall[];
  readonly locks: readonly Lock[];
  /** What others keep under `[tool.lamella]` (base digests, layer order, compiler): plain TOML data. */
  readonly extra: Readonly<Record<string, unknown>>;
}
