import type { FileEntry } from "../../files/entry.ts";
import type { InstallTarget } from "../../python/install-target.ts";
import { installedPaths } from "../../python/wheel.ts";
import type { LocalWheel } from "./layer-job.ts";

/**
 * Wheels with the one first that has what several install: the one whose normalized name sorts last. A rule of the names
 * alone, so it depends neither on sizes nor on what shares a layer.
 */
export function byPrecedence(wheels: readonly LocalWheel[]): LocalWheel[] {
  return wheels.toSorted((a, b) => (a.name < b.name ? 1 : -1));
}

/**
 * The entries of several wheels as one sequence with no path twice: each path is of the wheel with
 * precedence.
 */
export async function* merged(
  wheels: readonly LocalWheel[],
  entriesOf: (wheel: LocalWheel) => AsyncIterable<FileEntry>,
): AsyncGenerator<FileEntry, void, void> {
  const seen = new Set<string>();
  for (const wheel of byPrecedence(wheels)) {
    for await (const entry of entriesOf(wheel)) {
      if (seen.has(entry.path)) continue;
      seen.add(entry.path);
      yield entry;
    }
  }
}

/** Paths that wheels own together with different content, each with its owners by name; the last one wins. */
export async function findOverlaps(
  wheels: readonly LocalWheel[],
  target: InstallTarget,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const owners = new Map<string, { readonly name: string; readonly content: string }[]>();
  const byName = wheels.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const wheel of byName) {
    const { filename } = wheel;
    for (const { path, content } of await installedPaths(wheel.path, { ...target, filename })) {
      const others = owners.get(path);
      if (others) others.push({ name: wheel.name, content });
      else owners.set(path, [{ name: wheel.name, content }]);
    }
  }
  const overlaps = new Map<string, readonly string[]>();
  for (const [path, owning] of owners) {
    if (new Set(owning.map(({ content }) => content)).size > 1) {
      overlaps.set(
        path,
        owning.map(({ name }) => name),
      );
    }
  }
  return overlaps;
}
