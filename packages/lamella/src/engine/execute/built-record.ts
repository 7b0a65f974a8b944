import { join } from "node:path";
import * as z from "zod/mini";
import { type Digest, digestHex } from "../../files/digest.ts";
import { parseWheelFilename } from "../../python/wheel-filename.ts";
import type { Store } from "../../store/store.ts";

/** Memos of what was built, by {@link builtFolder}'s keys. They travel in caches. */
export const builtWheels = "built-wheel";

/** A wheel that was built from source. */
export interface BuiltRecord {
  readonly filename: string;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

const recordSchema = z.object({
  filename: z.string().check(z.refine(isWheelFilename)),
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  size: z.int().check(z.nonnegative()),
});

/** Takes a memo's value, which may be from elsewhere. Throws on what is none. */
export function parseBuiltRecord(value: unknown): BuiltRecord {
  return z.parse(recordSchema, value);
}

/** The folder in the store that has the wheel of a key, and nothing else. */
export function builtFolder(store: Store, key: Digest): string {
  return store.path("built-wheels", digestHex(key));
}

export function builtPath(store: Store, key: Digest, { filename }: BuiltRecord): string {
  return join(builtFolder(store, key), filename);
}

function isWheelFilename(name: string): boolean {
  try {
    parseWheelFilename(name);
    return !name.includes("/");
  } catch {
    return false;
  }
}
