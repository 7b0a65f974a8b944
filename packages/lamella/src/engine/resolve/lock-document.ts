import * as z from "zod/mini";
import type { Digest } from "../../files/digest.ts";
import { type Platform, platforms } from "../../image/platform.ts";
import { digestSchema } from "../../oci/schema.ts";
import type { LockFile } from "../../python/lock/lock-file.ts";
import { parseLockTable } from "../../python/lock/lock-table.ts";
import { parseLockFile } from "../../python/lock/parse-lock-file.ts";
import type { PlannedCompiler } from "../plan.ts";

/** What a lock says of one platform beside its packages. */
export interface LockedPlatform {
  /** Digest of the base's manifest for this platform. */
  readonly base: Digest;
  /** Keys of the packages' layers (`packing.ts`), the lowest first. */
  readonly order: readonly string[];
  /** What compiles the bytecode; absent when nothing does. */
  readonly compiler?: PlannedCompiler;
}

/** The definition that a lock was written for. */
export interface LockedDefinition {
  /** Relative to the lock, with `/` between segments. */
  readonly file: string;
  /** Absent for the default export. */
  readonly export?: string;
}

/** What a lock says of the image beside its packages: `[tool.lamella.image]`. */
export interface LockedImage {
  /** Absent where a program that uses the library wrote the lock. */
  readonly definition?: LockedDefinition;
  /** What was locked: see `lockSubject`. A lock counts for an image whose own it is. */
  readonly subject: string;
  /** The base as the definition names it, in full. */
  readonly base: string;
  readonly platforms: { readonly [platform in Platform]?: LockedPlatform };
}

const lockedPlatform: z.ZodMiniType<LockedPlatform> = z.object({
  base: digestSchema,
  order: z.array(z.string()),
  compiler: z.exactOptional(z.object({ version: z.string(), cacheTag: z.string() })),
});

const lockedImage: z.ZodMiniType<LockedImage> = z.object({
  definition: z.exactOptional(z.object({ file: z.string(), export: z.exactOptional(z.string()) })),
  subject: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  base: z.string(),
  platforms: z.partialRecord(z.enum(platforms), lockedPlatform) as z.ZodMiniType<
    LockedImage["platforms"]
  >,
});

/** A lock file as it lies beside a definition. */
export interface LockDocument {
  readonly path: string;
  readonly text: string;
  readonly file: LockFile;
  readonly image: LockedImage;
}

/** Parses the lock at `path`. Raises InvalidLockError. */
export function parseLockDocument(bytes: Uint8Array, path: string): LockDocument {
  const text = new TextDecoder().decode(bytes);
  const file = parseLockFile({ path, text });
  const at = ["tool", "lamella", "image"];
  const image = parseLockTable(lockedImage, file.extra["image"], { path, text }, at);
  return { path, text, file, image };
}
