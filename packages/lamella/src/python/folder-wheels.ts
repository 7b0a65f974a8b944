import { readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { eq as isSameVersion } from "@renovatebot/pep440";
import { digestHex } from "../files/digest.ts";
import { readFiles } from "../files/tree.ts";
import { normalizeName } from "./distribution-name.ts";
import type { IndexSettings } from "./package-index/settings.ts";
import type { Pylock, PylockFile, PylockPackage } from "./pylock.ts";
import { UvFailedError } from "./resolution-error.ts";
import type { InstalledDistribution, ResolveCall, ResolveOptions } from "./resolve-options.ts";
import { chooseWheel } from "./tags.ts";
import { parseWheelFilename } from "./wheel-filename.ts";

/**
 * Whether all packages come from folders of this machine. Then uv is asked for versions alone, and the wheels are found
 * and hashed here: asked for hashes, uv unpacks every wheel into its cache to learn them (27 wheels: 3 s and 670 MB,
 * against 0.1 s).
 */
export function comesFromFolders(
  { noIndex, findLinks }: IndexSettings,
  calls: readonly ResolveCall[],
): boolean {
  const named = calls.flatMap((call) => [...call.requirements, ...(call.constraints ?? [])]);
  return (
    noIndex &&
    findLinks.every(({ url }) => url.startsWith("file:") && !/\.html?$/i.test(url)) &&
    named.every(({ url }) => url === undefined)
  );
}

/** Versions as lines of a requirements file, which uv reads as preferences where it will write its answer. */
export function versionLines(versions: readonly InstalledDistribution[]): string {
  return versions.map(({ name, version }) => `${name}==${version}\n`).join("");
}

/**
 * The rows of a lock for uv's answer in the format of a requirements file: each version with the wheels in the folders
 * that fit the target. Raises UvFailedError for a line that names no version.
 */
export async function rowsFromFolders(
  answer: string,
  { findLinks }: IndexSettings,
  options: ResolveOptions,
): Promise<Pylock> {
  const wheels = (
    await Promise.all(findLinks.map(({ url }) => wheelsIn(fileURLToPath(url))))
  ).flat();
  const lines = answer.split("\n").map((line) => line.trim());
  const packages = lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map(async (line): Promise<PylockPackage> => {
      const [, name, version] = /^([A-Za-z0-9._-]+)==([^\s;#]+)$/.exec(line) ?? [];
      if (name === undefined || version === undefined) {
        throw new UvFailedError(
          `uv's answer has a line that names no version: ${JSON.stringify(line.slice(0, 200))}.`,
          "It is too old or too new: remove it from PATH, and Lamella installs its own.",
        );
      }
      const normalized = normalizeName(name);
      const fitting = wheels.filter(
        (wheel) =>
          wheel.name === normalized &&
          isSameVersion(wheel.version, version) &&
          chooseWheel([wheel], options) !== undefined,
      );
      const files = await Promise.all(fitting.map((wheel) => hashed(wheel, options)));
      return { name: normalized, version, wheels: files };
    });
  return { environments: [], packages: await Promise.all(packages) };
}

interface FolderWheel {
  readonly filename: string;
  readonly absolute: string;
  readonly name: string;
  readonly version: string;
}

/** The wheels in a folder; files whose names are no wheels' are passed over. */
async function wheelsIn(folder: string): Promise<FolderWheel[]> {
  const names = await readdir(folder);
  return names.flatMap((filename) => {
    if (!filename.endsWith(".whl")) return [];
    try {
      const { name, version } = parseWheelFilename(filename);
      return [{ filename, absolute: path.join(folder, filename), name, version }];
    } catch {
      return [];
    }
  });
}

async function hashed(
  { filename, absolute }: FolderWheel,
  { memo, signal }: ResolveOptions,
): Promise<PylockFile> {
  const { files } = await readFiles([{ path: filename, absolute }], { memo, signal });
  const [file] = files;
  if (file?.kind !== "file") throw new Error(`${absolute} is no file.`);
  return {
    name: filename,
    path: absolute,
    size: file.size,
    hashes: { sha256: digestHex(file.digest) },
  };
}
