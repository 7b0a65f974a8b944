import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { readTree } from "../files/tree.ts";
import { lockedCall } from "./lock/locked-call.ts";
import type { IndexSettings } from "./package-index/settings.ts";
import { WheelNotFoundError } from "./resolution-error.ts";
import type { InstalledDistribution, ResolveOptions } from "./resolve-options.ts";

/** Part of every memo's key: to be raised when the same request may give another lock. */
const recipe = "resolution 2";

/** Everything that decides, as text. Index addresses have no credentials in them. */
export async function resolutionKey(
  options: ResolveOptions,
  settings: IndexSettings,
  preferences: readonly InstalledDistribution[],
): Promise<string> {
  const { calls, python, pythonFullVersion, platform, libc, memo, signal } = options;
  const sources = calls.flatMap((call) => (call.sources ?? []).map(({ source }) => source));
  const localFiles = new Set(
    [
      ...calls.flatMap((call) => [...call.requirements, ...(call.constraints ?? [])]),
      ...sources.filter((source) => source.kind === "archive"),
    ].flatMap(({ url }) => (url?.startsWith("file:") ? [url] : [])),
  );
  const folders = sources.flatMap((source) => (source.kind === "folder" ? [source.path] : []));
  return JSON.stringify({
    recipe,
    python: pythonFullVersion ?? python,
    platform,
    libc,
    calls: calls.map((call) => lockedCall(call, { directory: "/" })),
    defaultIndex: settings.defaultIndex?.url,
    indexes: settings.indexes.map(({ url }) => url),
    findLinks: await Promise.all(settings.findLinks.map(({ url }) => describeLinks(url))),
    noIndex: settings.noIndex,
    steering: settings.steering,
    preferences,
    localFiles: await Promise.all([...localFiles].map((url) => hashLocalFile(url, signal))),
    folders: await Promise.all(
      [...new Set(folders)].map(async (folder) => [
        folder,
        (await readTree(folder, { memo, signal })).digest,
      ]),
    ),
  });
}

/** A folder of wheels answers by what lies in it. */
async function describeLinks(url: string): Promise<unknown> {
  if (!url.startsWith("file:")) return url;
  const folder = fileURLToPath(url);
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith(".whl")).sort();
    const files = await Promise.all(
      names.map(async (name) => {
        const { size, mtimeMs } = await stat(path.join(folder, name));
        return [name, size, mtimeMs];
      }),
    );
    return [url, files];
  } catch {
    // A page of links as a file, or nothing: uv says which.
    return url;
  }
}

async function hashLocalFile(
  url: string,
  signal: AbortSignal | undefined,
): Promise<readonly [string, string]> {
  const file = fileURLToPath(url);
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(file), hash, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw new WheelNotFoundError(
      `The file ${file} cannot be read: ${(error as Error).message}.`,
      "Check the path: in a definition it is relative to the definition's folder, in a requirements file to that file.",
      { cause: error },
    );
  }
  return [url, hash.digest("hex")];
}
