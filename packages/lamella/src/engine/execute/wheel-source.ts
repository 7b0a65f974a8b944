import { chmod, copyFile, link, mkdir, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { StepMount } from "../../execution/step-mount.ts";
import type { CanonicalValue } from "../../files/canonical.ts";
import { verifiedContent } from "../../files/file-content.ts";
import type { FileTree } from "../../files/tree.ts";
import { chunksOf } from "../../oci/deflated-content.ts";
import type { WheelDownloader } from "../../python/download.ts";
import type { SourceFile } from "../../python/lock.ts";
import type { NamedSource } from "../../python/source-builder.ts";
import type { Session } from "../session.ts";

/** What a wheel is built from. */
export interface WheelSource {
  /** For people: `docopt 0.6.2`, or where it is from. */
  readonly title: string;
  /** The package's, normalized; whatever the wheel says if absent. */
  readonly name?: string | undefined;
  /** All that decides the wheel beside the environment. */
  readonly identity: CanonicalValue;
  /** Brings the source to where the sandbox sees it. `scratch` is a folder of ours alone, which nothing else is in. */
  readonly place: (scratch: string) => Promise<PlacedSource>;
}

export interface PlacedSource {
  /** What is built, in the sandbox. */
  readonly path: string;
  readonly mounts: readonly StepMount[];
}

/** Where sources are in the sandbox. */
const sourceFolder = "/run/lamella/source";

/** A source distribution of an index. */
export function sdistSource(
  { name, version, file }: NamedSource,
  downloader: WheelDownloader,
  { signal }: Session,
): WheelSource {
  return {
    ...archiveSource(file, async () => (await downloader.fetch(file, { signal })).path),
    title: `${name} ${version}`,
    name,
  };
}

/** A source distribution that is a file on this machine once `fetch` has been called. */
export function archiveSource(
  { filename, sha256 }: Pick<SourceFile, "filename" | "sha256">,
  fetch: () => Promise<string>,
): WheelSource {
  return {
    title: filename,
    identity: { sha256 },
    place: async (scratch) => {
      const fetched = await fetch();
      const named = join(scratch, "source");
      await link(fetched, named).catch(() => copyFile(fetched, named));
      // Its name is part of what it is: backends may go by it.
      const path = `${sourceFolder}/${filename}`;
      return { path, mounts: [{ kind: "bind", source: named, destination: path }] };
    },
  };
}

/** A project's folder, as the tree says: what builds it gets a copy, and may write to that. */
export function folderSource(path: string, tree: FileTree): WheelSource {
  return {
    title: basename(path),
    identity: { tree: tree.digest },
    place: async (scratch) => {
      const copy = join(scratch, "project");
      await copyTree(tree, copy);
      return placedFolder(copy);
    },
  };
}

/** A folder of ours that the sandbox may write to, or one below it. */
export function placedFolder(folder: string, subdirectory?: string): PlacedSource {
  const destination = `${sourceFolder}/project`;
  return {
    path: subdirectory === undefined ? destination : `${destination}/${subdirectory}`,
    mounts: [{ kind: "output", path: folder, destination }],
  };
}

async function copyTree({ files }: FileTree, folder: string): Promise<void> {
  await mkdir(folder);
  for (const file of files) {
    const path = join(folder, file.path);
    await mkdir(dirname(path), { recursive: true });
    switch (file.kind) {
      case "directory":
        await mkdir(path, { recursive: true });
        break;
      case "symlink":
        await symlink(file.target, path);
        break;
      case "file":
        await writeFile(path, chunksOf(verifiedContent(file).data), { flag: "wx" });
        await chmod(path, file.executable ? 0o755 : 0o644);
        break;
    }
  }
}
