import * as z from "zod/mini";
import { type Platform, platforms } from "../../image/platform.ts";
import type { CLibrary } from "../tags.ts";
import type { LockedCall } from "./locked-call.ts";
import { libcSchema, pythonSchema } from "./schema.ts";

/** What a lock says of its resolution as a whole: `[tool.lamella.resolution]`. */
export interface ResolutionRecord {
  readonly version: typeof recordVersion;
  readonly python: string;
  readonly platforms: { readonly [platform in Platform]?: CLibrary };
  readonly calls: readonly LockedCall[];
}

/** Version of what we write there. */
export const recordVersion = 1;

export const resolutionRecordSchema: z.ZodMiniType<ResolutionRecord> = z.object({
  version: z.literal(recordVersion),
  python: pythonSchema,
  platforms: z
    .partialRecord(z.enum(platforms), libcSchema)
    .check(z.refine((one) => Object.keys(one).length > 0)),
  calls: z.array(
    z.object({
      requirements: z.array(z.string()),
      constraints: z.array(z.string()),
      settings: z.array(z.string()),
    }),
  ),
});
