import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { digestHex } from "../../files/digest.ts";
import { readFiles, readTree } from "../../files/tree.ts";
import type { WheelDownloader } from "../../python/download.ts";
import type { SourceFile } from "../../python/lock.ts";
import type { ArchiveSource } from "../../python/package-source.ts";
import type { SourceRequirement } from "../../python/requirements.ts";
import { WheelHashError } from "../../python/resolution-error.ts";
import type { BuildRequirementOptions, BuiltSource } from "../../python/source-builder.ts";
import type { SecretValues } from "../secrets/find-secrets.ts";
import type { Session } from "../session.ts";
import { builtRepository } from "./built-repository.ts";
import { builtWheel, type Workbench } from "./built-wheel.ts";
import { archiveSource, folderSource } from "./wheel-source.ts";

/** What is needed to get at sources, and to build them. */
export interface SourceAccess {
  readonly downloader: WheelDownloader;
  readonly secrets: () => Promise<SecretValues>;
  readonly workbench: Workbench;
}

/** The wheel of what a requirement names, and what that is exactly. Raises as `SourceBuilder.buildRequirement` does. */
export async function builtRequirement(
  { name, hashes, source }: SourceRequirement,
  options: BuildRequirementOptions,
  access: SourceAccess,
): Promise<BuiltSource> {
  const { downloader, workbench } = access;
  const { memo, signal } = workbench.session;
  switch (source.kind) {
    case "repository":
      return await builtRepository({ name, source }, options, access);
    case "folder": {
      const { path, ignore } = source;
      const tree = await readTree(path, { ignore, memo, signal });
      const wheel = await builtWheel({ ...folderSource(path, tree), name }, workbench);
      return { wheel, source: { kind: "folder", path, digest: tree.digest } };
    }
    case "archive": {
      const file = await exactFile(source, hashes, workbench.session);
      const fetch = async (): Promise<string> => (await downloader.fetch(file, { signal })).path;
      const wheel = await builtWheel({ ...archiveSource(file, fetch), name }, workbench);
      return { wheel, source: { kind: "archive", file } };
    }
    default:
      return source satisfies never;
  }
}

/** An archive with its hash: that of the file on this machine, or the one that the requirement says. */
async function exactFile(
  { url }: ArchiveSource,
  hashes: readonly string[],
  { memo, signal }: Session,
): Promise<SourceFile> {
  const filename = decodeURIComponent(basename(new URL(url).pathname));
  const [said] = hashes;
  if (!url.startsWith("file:")) {
    if (said === undefined) throw new RangeError(`No hash is said for ${url}.`);
    return { filename, url, sha256: said };
  }
  const named = [{ path: filename, absolute: fileURLToPath(url) }];
  const [file] = (await readFiles(named, { memo, signal })).files;
  if (file?.kind !== "file") throw new RangeError(`${url} is no file.`);
  const sha256 = digestHex(file.digest);
  if (hashes.length > 0 && !hashes.includes(sha256)) {
    throw new WheelHashError(
      `${file.absolute} has a hash that its requirement does not accept.`,
      "Update the --hash values of the requirement, or find out who changed the file.",
    );
  }
  return { filename, url, sha256, size: file.size };
}
