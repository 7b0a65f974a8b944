import * as z from "zod/mini";
import type { CLibrary } from "../tags.ts";

/** The C library of a base. */
export const libcSchema: z.ZodMiniType<CLibrary> = z.object({
  kind: z.enum(["glibc", "musl"]),
  major: z.int().check(z.nonnegative(), z.maximum(99)),
  minor: z.int().check(z.nonnegative(), z.maximum(999)),
});

/** A minor version of CPython, `3.11`. */
export const pythonSchema: z.ZodMiniType<string> = z.string().check(z.regex(/^3\.\d{1,3}$/));

/** The place of a call among those of a definition. */
export const callIndexSchema: z.ZodMiniType<number> = z
  .int()
  .check(z.nonnegative(), z.maximum(100_000));
