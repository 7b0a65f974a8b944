import * as z from "zod/mini";
import type { Attributes } from "./attributes.ts";
import type { Distribution, Outline } from "./outline.ts";
import { sortedByPath, sortedPaths } from "./path-order.ts";

/**
 * Version of the recipe by which outlines are read and written down. To be raised with every change of either: what an
 * older one remembered is then read anew.
 */
export const outlineVersion = 1;

const id = z.int().check(z.gte(0), z.lte(0xffff_fffe));
const mode = z.int().check(z.gte(0), z.lte(0o7777));

/** Relative to the root, and nothing in it that would lead elsewhere. */
const physicalPath = z
  .string()
  .check(
    z.refine((path) =>
      path.split("/").every((name) => name !== "" && name !== "." && name !== ".."),
    ),
  );

const accountFile = z.optional(z.object({ text: z.string(), mode, uid: id, gid: id }));

const outlineDocument = z.object({
  version: z.literal(outlineVersion),
  /** Directories by what they have in common: mode, owner, group. */
  directories: z.array(z.tuple([mode, id, id, z.array(physicalPath)])),
  links: z.array(z.tuple([physicalPath, z.string()])),
  passwd: accountFile,
  group: accountFile,
  shadow: accountFile,
  gshadow: accountFile,
  python: z.optional(
    z.object({
      python: z.string(),
      version: z.optional(z.string()),
      executable: z.string(),
      prefix: z.string(),
    }),
  ),
  libc: z.optional(z.object({ kind: z.enum(["glibc", "musl"]), major: z.int(), minor: z.int() })),
  venv: z.optional(
    z.object({
      prefix: z.string(),
      physicalPrefix: physicalPath,
      python: z.optional(z.string()),
    }),
  ),
  /** `record` has indexes into `venvFiles`. */
  distributions: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      location: physicalPath,
      record: z.optional(z.array(z.int())),
    }),
  ),
  venvFiles: z.array(physicalPath),
});

/** An outline as plain data that JSON can hold, in few words and in an order that only depends on its content. */
export function encodeOutline(outline: Outline): object {
  const { directories, links, distributions, venvFiles, ...rest } = outline;
  const groups = new Map<string, [number, number, number, string[]]>();
  for (const [path, attributes] of sortedByPath(directories)) {
    const key = `${attributes.mode} ${attributes.uid} ${attributes.gid}`;
    const group = groups.get(key);
    if (group) group[3].push(path);
    else groups.set(key, [attributes.mode, attributes.uid, attributes.gid, [path]]);
  }
  const files = sortedPaths(venvFiles);
  const indexes = new Map(files.map((path, index) => [path, index]));
  return {
    version: outlineVersion,
    ...rest,
    directories: [...groups.values()],
    links: [...sortedByPath(links)],
    distributions: distributions.map(({ record, ...distribution }) => ({
      ...distribution,
      ...(record && {
        record: record
          .map((path) => indexes.get(path))
          .filter((index) => index !== undefined)
          .sort((a, b) => a - b),
      }),
    })),
    venvFiles: files,
  } satisfies z.input<typeof outlineDocument>;
}

/** Takes an outline from outside. Throws for what is none, and for one of another version. */
export function decodeOutline(value: unknown): Outline {
  const {
    directories,
    links,
    distributions,
    venvFiles,
    version: _,
    ...rest
  } = outlineDocument.parse(value);
  const attributes: [string, Attributes][] = [];
  for (const [fileMode, uid, gid, paths] of directories) {
    for (const path of paths) attributes.push([path, { mode: fileMode, uid, gid }]);
  }
  return {
    ...(withoutUndefined(rest) as Partial<Outline>),
    directories: sortedByPath(attributes),
    links: sortedByPath(links),
    distributions: distributions.map((distribution): Distribution => {
      const { record, ...described } = distribution;
      return {
        ...described,
        ...(record && { record: record.map((index) => fileAt(venvFiles, index)) }),
      };
    }),
    venvFiles: new Set(sortedPaths(venvFiles)),
  };
}

function fileAt(files: readonly string[], index: number): string {
  const path = files[index];
  if (path === undefined) throw new RangeError(`There is no file ${index} in the outline.`);
  return path;
}

function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined));
}
