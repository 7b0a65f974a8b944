import { z } from "zod/mini";
import { type Digest, isDigest } from "../files/digest.ts";
import type { Descriptor } from "./descriptor.ts";

/** Parts that manifests, indexes and configs have in common. */

export const digestSchema: z.ZodMiniType<Digest> = z.custom<Digest>(
  (value) => typeof value === "string" && isDigest(value),
);

export const annotationsSchema: z.ZodMiniType<Record<string, string>> = z.record(
  z.string(),
  z.string(),
);

export const descriptorSchema: z.ZodMiniType<Descriptor> = z.looseObject({
  mediaType: z.string().check(z.minLength(1)),
  digest: digestSchema,
  size: z.int().check(z.nonnegative()),
  annotations: z.exactOptional(annotationsSchema),
  platform: z.exactOptional(
    z.looseObject({
      architecture: z.string(),
      os: z.string(),
      variant: z.exactOptional(z.string()),
    }),
  ),
});
