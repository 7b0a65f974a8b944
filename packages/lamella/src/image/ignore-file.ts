import { readFileSync } from "node:fs";
import { dirname, isAbsolute, relative, sep } from "node:path";
import { dockerignoreRules } from "../files/dockerignore.ts";
import { fileSystemError } from "../files/error.ts";
import { defaultIgnoreRules, type IgnoreRules, rulesBelow } from "../files/ignore.ts";
import { show } from "./argument.ts";
import type { Problem } from "./error.ts";
import { type LayerContext, onThisMachine } from "./layers/layer-context.ts";
import { foundProblems, worldProblems } from "./layers/world.ts";

/**
 * What is left out when a folder of this machine is copied: what the definition's `.dockerignore` says, if it names one.
 * Its patterns are relative to the folder that it lies in; for a folder elsewhere, to that one. Raises
 * {@link InvalidIgnorePatternError}, and the errors of reading a file.
 */
export function ignoreRulesFor(folder: string, context: LayerContext): IgnoreRules {
  if (context.ignoreFile === undefined) return defaultIgnoreRules;
  const file = onThisMachine(context, context.ignoreFile);
  const rules = dockerignoreRules(readText(file), context.ignoreFile);
  const path = pathBelow(dirname(file), folder);
  return path === undefined || path === "" ? rules : rulesBelow(path, rules);
}

/** What is wrong with the `.dockerignore` that a definition names. */
export function ignoreFileProblems(context: LayerContext): readonly Problem[] {
  const { ignoreFile } = context;
  if (ignoreFile === undefined) return [];
  const layer = `withDockerignore(${show(ignoreFile)})`;
  const file = onThisMachine(context, ignoreFile);
  const problems = foundProblems(() => {
    const missing = worldProblems(file, "it names", "file");
    if (missing.length === 0) ignoreRulesFor(dirname(file), context);
    return missing;
  });
  return problems.map((problem) => ({ layer, ...problem }));
}

/** Whether the definition's `.dockerignore` leaves a file out that the definition names. */
export function isIgnored(absolute: string, context: LayerContext): boolean {
  if (context.ignoreFile === undefined) return false;
  const home = dirname(onThisMachine(context, context.ignoreFile));
  const path = pathBelow(home, absolute);
  return path !== undefined && ignoreRulesFor(home, context).ignores(path, false);
}

/** With `/` between segments; undefined for what is elsewhere. */
export function pathBelow(folder: string, path: string): string | undefined {
  const way = relative(folder, path);
  if (isAbsolute(way) || way === ".." || way.startsWith(`..${sep}`)) return undefined;
  return way.split(sep).join("/");
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw fileSystemError(file, error);
  }
}
