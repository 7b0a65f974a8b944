import type { IgnoreRules } from "../../files/ignore.ts";
import { ignoreRulesFor, pathBelow } from "../ignore-file.ts";
import type { LayerContext } from "../layers/layer-context.ts";

const lockName = /^(?:uv\.lock|poetry\.lock|pylock(?:\.[^./]+)?\.toml)$/;

/** What building or installing the project on this machine leaves in it; an older one even misleads setuptools. */
const buildLeftover =
  /(?:^|\/)[^/]+\.egg-info$|^build\/(?:lib|lib\..+|temp\..+|bdist\..+)$|^dist\/[^/]+\.(?:whl|tar\.gz)$/;

/**
 * What of a project's folder is not needed to build it: what the definition's `.dockerignore` says, locks, the folders of
 * `others` in it, and what an earlier build left there.
 */
export function folderIgnoreRules(
  folder: string,
  others: readonly string[],
  context: LayerContext,
): IgnoreRules {
  const rules = ignoreRulesFor(folder, context);
  const inside = new Set(others.flatMap((other) => pathBelow(folder, other) || []));
  const isNotNeeded = (path: string): boolean =>
    inside.has(path) || lockName.test(path) || buildLeftover.test(path);
  return {
    ignores: (path, isDirectory) => isNotNeeded(path) || rules.ignores(path, isDirectory),
    mayKeepInside: (directory) => !isNotNeeded(directory) && rules.mayKeepInside(directory),
    keepsEmptied: rules.keepsEmptied,
  };
}
