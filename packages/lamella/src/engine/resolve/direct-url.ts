import type { LockedPackage, SourceFile } from "../../python/lock.ts";
import type { DirectUrl } from "../plan.ts";

/**
 * What `direct_url.json` says of a package that a requirement named by its address (PEP 610); undefined for one of an
 * index. What is of this machine is known by its hash and its name: where it lay is nobody's business.
 */
export function directUrlRecord({
  name,
  wheel,
  directUrl,
  source,
}: Pick<LockedPackage, "name" | "wheel" | "directUrl" | "source">): DirectUrl | undefined {
  switch (source?.kind) {
    case "repository": {
      const { url, reference, subdirectory, commit } = source;
      return {
        url,
        vcs_info: {
          vcs: "git",
          ...(reference !== undefined && { requested_revision: reference }),
          commit_id: commit,
        },
        ...(subdirectory !== undefined && { subdirectory }),
      };
    }
    case "folder":
      return { url: `file:///${name}`, dir_info: {} };
    case "archive":
      return archiveRecord(source.file.url, source.file);
    case "sdist":
    case undefined:
      return directUrl === undefined ? undefined : archiveRecord(directUrl, wheel);
  }
}

function archiveRecord(
  url: string,
  { filename, sha256 }: Pick<SourceFile, "filename" | "sha256">,
): DirectUrl {
  return {
    url: url.startsWith("file:") ? `file:///${filename}` : url,
    archive_info: { hashes: { sha256 } },
  };
}
