import type { FileEntry } from "../files/entry.ts";
import { DistributionWithoutRecordError } from "./error.ts";
import { basename, dirname, parentsOf } from "./links.ts";
import type { Distribution, Outline } from "./outline.ts";
import { parentEntries } from "./placement.ts";

/**
 * Removes distributions of the base's virtual environment, as pip's uninstall does: every file of their `RECORD` that no
 * remaining distribution has too, the bytecode of each (or Python would load the old code), and every directory that
 * then holds nothing else. The entries are one layer of its own below the wheels: whiteouts after their parents' entries,
 * and no name together with its whiteout. Empty when there is nothing to remove.
 *
 * `distributions` are some of the outline's. Raises DistributionWithoutRecordError.
 */
export function removalEntries(
  outline: Outline,
  distributions: readonly Distribution[],
): FileEntry[] {
  const removed = removedFiles(outline, distributions);
  const whiteouts = [...coveringNames(outline, removed)].sort();
  return [
    ...parentEntries(outline, whiteouts),
    ...whiteouts.map((path): FileEntry => ({ kind: "whiteout", path })),
  ];
}

function removedFiles(outline: Outline, distributions: readonly Distribution[]): Set<string> {
  const replaced = new Set(distributions);
  const kept = new Set<string>();
  for (const distribution of outline.distributions) {
    if (replaced.has(distribution)) continue;
    for (const path of distribution.record ?? []) kept.add(path);
  }
  const removed = new Set<string>();
  for (const distribution of distributions) {
    if (!distribution.record) throw withoutRecord(distribution);
    for (const path of distribution.record) {
      if (outline.venvFiles.has(path) && !kept.has(path)) removed.add(path);
    }
  }
  for (const path of outline.venvFiles) {
    const source = sourceOfBytecode(path);
    if (source !== undefined && removed.has(source) && !kept.has(path)) removed.add(path);
  }
  return removed;
}

/** The module that a bytecode file belongs to: `a/__pycache__/b.cpython-311.opt-1.pyc` (PEP 3147, PEP 488), or `a/b.pyc`. */
function sourceOfBytecode(path: string): string | undefined {
  if (!path.endsWith(".pyc")) return undefined;
  const folder = dirname(path);
  if (basename(folder) !== "__pycache__") return path.slice(0, -1);
  const tagged = basename(path)
    .slice(0, -".pyc".length)
    .replace(/\.opt-[^.]+$/, "");
  const module = tagged.slice(0, tagged.lastIndexOf("."));
  return module === "" ? undefined : `${dirname(folder)}/${module}.py`;
}

/** The fewest names that cover the removed files and the directories that they leave empty. */
function coveringNames(outline: Outline, removed: ReadonlySet<string>): Set<string> {
  const held = heldDirectories(outline, removed);
  const names = new Set<string>();
  for (const path of removed) {
    let name = path;
    for (const parent of parentsOf(path)) {
      if (held.has(parent)) continue;
      name = parent;
      break;
    }
    names.add(name);
  }
  return names;
}

/** Directories that stay: they hold something else, were empty before, or are the environment's own. */
function heldDirectories(outline: Outline, removed: ReadonlySet<string>): Set<string> {
  const prefix = outline.venv?.physicalPrefix ?? "";
  const held = new Set<string>();
  const hold = (path: string): void => {
    for (const parent of parentsOf(path)) held.add(parent);
  };
  hold(`${prefix}/`);
  const filled = new Set<string>();
  for (const path of outline.venvFiles) {
    for (const parent of parentsOf(path)) filled.add(parent);
    if (!removed.has(path)) hold(path);
  }
  for (const { location } of outline.distributions) hold(`${location}/`);
  for (const path of outline.directories.keys()) {
    if (!path.startsWith(`${prefix}/`)) continue;
    const isScheme = !path.slice(prefix.length + 1).includes("/");
    if (isScheme || !filled.has(path)) hold(`${path}/`);
  }
  return held;
}

function withoutRecord({ name, version, location }: Distribution): DistributionWithoutRecordError {
  return new DistributionWithoutRecordError(
    `The base has ${name} ${version} in /${location}, which must be replaced, but no RECORD says which files it has.`,
    `Ask for ${name}==${version}, or use a base that has ${name} installed by pip or uv.`,
  );
}
