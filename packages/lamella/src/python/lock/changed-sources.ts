import { fileURLToPath } from "node:url";
import { digestHex } from "../../files/digest.ts";
import type { DigestMemo } from "../../files/digest-memo.ts";
import { readFiles, readTree } from "../../files/tree.ts";
import { names } from "../build-requirements.ts";
import type { Lock } from "../lock.ts";
import type { ResolveCall } from "../resolve-options.ts";

/**
 * Why a lock does not fit what lies on this machine, one sentence a reason: what a changed folder depends on may have
 * changed too. (What a project's own folders depend on is in its lock.) Raises the errors of reading files.
 */
export async function changedSources(
  { unbuilt = [] }: Pick<Lock, "unbuilt">,
  calls: readonly ResolveCall[],
  options: { readonly memo?: DigestMemo; readonly signal?: AbortSignal },
): Promise<readonly string[]> {
  const reasons = unbuilt.map(async ({ name, source }): Promise<readonly string[]> => {
    if (source.kind === "folder") {
      const named = calls
        .flatMap(({ sources = [] }) => sources)
        .find((one) => names(one.source, source));
      if (named?.source.kind !== "folder") return [];
      const { digest } = await readTree(source.path, { ...options, ignore: named.source.ignore });
      return digest === source.digest ? [] : [`The folder of ${name} has changed.`];
    }
    if (source.kind !== "archive" || !source.file.url.startsWith("file:")) return [];
    const absolute = fileURLToPath(source.file.url);
    const [file] = (await readFiles([{ path: name, absolute }], options)).files;
    const isSame = file?.kind === "file" && digestHex(file.digest) === source.file.sha256;
    return isSame ? [] : [`The archive of ${name} has changed.`];
  });
  return (await Promise.all(reasons)).flat();
}
