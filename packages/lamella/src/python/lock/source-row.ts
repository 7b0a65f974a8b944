import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as z from "zod/mini";
import type { SourceFile } from "../lock.ts";
import type { ExactSource } from "../package-source.ts";
import type { PylockFile, PylockPackage } from "../pylock.ts";

/** Longest name of a file on any common filesystem, in bytes. */
const longestName = 255;

/** What is a source distribution by its name, which becomes the name of a file, and an argument. */
const archiveName = /^[A-Za-z0-9][A-Za-z0-9._+!-]*\.(?:tar\.gz|tgz|zip|tar\.bz2|tar\.xz)$/;

/** A row's source distribution. Throws an Error that says what is wrong with it. */
export function sourceFromPylock({ url: address = "", hashes, size }: PylockFile): SourceFile {
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Error("the address of its source is no https: URL");
  }
  if (url.username !== "" || url.password !== "") {
    throw new Error("the address of its source holds a user name or password");
  }
  url.hash = "";
  return sourceFile(url, hashes, size);
}

function sourceFile(url: URL, hashes: PylockFile["hashes"], size: number | undefined): SourceFile {
  const filename = decodeURIComponent(url.pathname.split("/").at(-1) ?? "");
  if (!archiveName.test(filename)) {
    throw new Error("the address of its source does not end in the name of an archive");
  }
  if (filename.length > longestName) throw new Error("the name of its source is too long");
  const sha256 = hashes["sha256"];
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new Error(`the source ${filename} has no SHA-256 hash`);
  }
  return { filename, url: url.href, sha256, ...(size !== undefined && { size }) };
}

/** Whether a row's archive is a source distribution, and no wheel. */
export function isSourceArchive({ url, path: place }: PylockFile): boolean {
  return archiveName.test((url ?? place ?? "").split("/").at(-1) ?? "");
}

const commit = z.string().check(z.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/));
const vcsSchema = z.object({
  type: z.literal("git"),
  url: z.string(),
  "requested-revision": z.optional(z.string()),
  "commit-id": commit,
  subdirectory: z.optional(z.string()),
});
const directorySchema = z.object({ path: z.string() });
const treeSchema = z.object({ tree: z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/)) });

/**
 * What a row that names no wheel is built from; undefined where it names none. Throws an Error that says what is wrong
 * with it; relative paths start at `directory`.
 */
export function exactSource(row: PylockPackage, directory: string): ExactSource | undefined {
  if (row.wheels.length > 0) return undefined;
  if (row.vcs !== undefined) {
    const { url, subdirectory, ...vcs } = parsed(vcsSchema, row.vcs, "its vcs");
    const reference = vcs["requested-revision"];
    return {
      kind: "repository",
      url,
      ...(reference !== undefined && { reference }),
      ...(subdirectory !== undefined && { subdirectory }),
      commit: vcs["commit-id"],
    };
  }
  if (row.directory !== undefined) {
    const { path: place } = parsed(directorySchema, row.directory, "its directory");
    const { tree } = parsed(treeSchema, row.lamella, "its tool.lamella");
    return { kind: "folder", path: path.resolve(directory, place), digest: tree };
  }
  if (row.archive && isSourceArchive(row.archive)) {
    const { path: place, hashes, size } = row.archive;
    const file =
      place === undefined
        ? sourceFromPylock(row.archive)
        : sourceFile(pathToFileURL(path.resolve(directory, place)), hashes, size);
    return { kind: "archive", file };
  }
  return row.sdist && { kind: "sdist", file: sourceFromPylock(row.sdist) };
}

function parsed<T>(schema: z.ZodMiniType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const at = result.error.issues[0]?.path.join(".") ?? "";
  throw new Error(`${what} is malformed${at === "" ? "" : ` (${at})`}`);
}

/** A source as a part of a row (PEP 751); paths of this machine are relative to `directory`. */
export function sourceToPylock(
  source: ExactSource,
  directory: string,
): Pick<PylockPackage, "vcs" | "directory" | "archive" | "sdist"> {
  switch (source.kind) {
    case "sdist":
      return { sdist: { name: source.file.filename, ...fileRow(source.file, directory) } };
    case "archive":
      return { archive: fileRow(source.file, directory) };
    case "repository": {
      const { url, reference, subdirectory } = source;
      return {
        vcs: {
          type: "git",
          url,
          ...(reference !== undefined && { "requested-revision": reference }),
          "commit-id": source.commit,
          ...(subdirectory !== undefined && { subdirectory }),
        },
      };
    }
    case "folder":
      return { directory: { path: relativePath(directory, source.path) } };
    default:
      return source satisfies never;
  }
}

function fileRow({ url, size, sha256 }: SourceFile, directory: string): PylockFile {
  return {
    ...(url.startsWith("file:") ? { path: relativePath(directory, fileURLToPath(url)) } : { url }),
    ...(size !== undefined && { size }),
    hashes: { sha256 },
  };
}

/** With `/` between segments on every system, so that a lock can be carried from one to another. */
export function relativePath(from: string, to: string): string {
  return path.relative(from, to).split(path.sep).join("/") || ".";
}
