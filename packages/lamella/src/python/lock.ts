import * as z from "zod/mini";
import { type Platform, platforms } from "../image/platform.ts";
import { callIndexSchema, libcSchema, pythonSchema } from "./lock/schema.ts";
import type { ExactSource } from "./package-source.ts";
import type { CLibrary } from "./tags.ts";

/** One wheel, exactly. */
export interface WheelFile {
  /** As PEP 427 has it; the last segment of `url`. */
  readonly filename: string;
  /** `https:`, `http:` or `file:`, with no credentials and no fragment. */
  readonly url: string;
  /** SHA-256 of the file: 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** Length in bytes, where the index said it. */
  readonly size?: number;
}

/** A source distribution, exactly. */
export interface SourceFile {
  /** The last segment of `url`. */
  readonly filename: string;
  /** As that of a wheel. */
  readonly url: string;
  /** SHA-256 of the file: 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** Length in bytes, where the index said it. */
  readonly size?: number;
}

/** One package that is installed, and why it has its place. */
export interface LockedPackage {
  /** Normalized. */
  readonly name: string;
  readonly version: string;
  /** Index of the first call whose requirements, with all that they depend on, need it. */
  readonly call: number;
  readonly wheel: WheelFile;
  /** The address that was asked for, where the requirement named one (PEP 610); absent for packages of an index. */
  readonly directUrl?: string;
  /** What the wheel was built from, here: it is in no index, and its address is one of this machine. */
  readonly source?: ExactSource;
}

/** A package of a lock file that is built from source: its wheel is wherever it was built. */
export interface UnbuiltPackage extends Pick<LockedPackage, "name" | "version" | "call"> {
  readonly source: ExactSource;
}

/** What is installed for one Python on one platform. */
export interface Lock {
  /** Minor version, `3.11`. */
  readonly python: string;
  readonly platform: Platform;
  readonly libc: CLibrary;
  /** Sorted by name. */
  readonly packages: readonly LockedPackage[];
  /** Only in a lock that is read from a file, until they are built. */
  readonly unbuilt?: readonly UnbuiltPackage[];
}

const fileSchema = z.object({
  filename: z.string(),
  url: z.string(),
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  size: z.optional(z.int().check(z.nonnegative())),
});

const sourceSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("sdist"), file: fileSchema }),
  z.object({ kind: z.literal("archive"), file: fileSchema }),
  z.object({
    kind: z.literal("repository"),
    url: z.string(),
    reference: z.optional(z.string()),
    subdirectory: z.optional(z.string()),
    commit: z.string().check(z.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/)),
  }),
  z.object({ kind: z.literal("folder"), path: z.string(), digest: z.string() }),
]);

const lockSchema = z.object({
  python: pythonSchema,
  platform: z.enum(platforms),
  libc: libcSchema,
  packages: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      call: callIndexSchema,
      wheel: fileSchema,
      directUrl: z.optional(z.string()),
      source: z.optional(sourceSchema),
    }),
  ),
});

/** Parses a lock from JSON data, as memos and plans hold it. Throws on what is none. */
export function parseLock(value: unknown): Lock {
  // zod's optional properties admit `undefined`; JSON never holds one.
  return z.parse(lockSchema, value) as Lock;
}

/** Packages that two platforms have in different versions, for telling the user. */
export function differingVersions(
  a: Lock,
  b: Lock,
): { readonly name: string; readonly versions: readonly [string, string] }[] {
  const versions = new Map(a.packages.map((entry) => [entry.name, entry.version]));
  return b.packages.flatMap((entry) => {
    const other = versions.get(entry.name);
    return other === undefined || other === entry.version
      ? []
      : [{ name: entry.name, versions: [other, entry.version] as const }];
  });
}
