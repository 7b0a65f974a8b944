import * as z from "zod/mini";
import { canonicalDigest } from "../../files/canonical.ts";
import type { FileEntry } from "../../files/entry.ts";
import { type InstallTarget, sitePackages } from "../../python/install-target.ts";
import { installedPaths } from "../../python/wheel.ts";
import type { Store } from "../../store/store.ts";
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
  store: Store,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const owners = new Map<string, { readonly name: string; readonly content: string }[]>();
  for (const wheel of await meetingWheels(wheels, target, store)) {
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

/** Wheels that have a ground in common with another one, by name: the others own no path together with anybody. */
async function meetingWheels(
  wheels: readonly LocalWheel[],
  target: InstallTarget,
  store: Store,
): Promise<readonly LocalWheel[]> {
  const byGround = new Map<string, LocalWheel[]>();
  const byName = wheels.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const wheel of byName) {
    for (const ground of await groundsOf(wheel, target, store)) {
      const others = byGround.get(ground);
      if (others) others.push(wheel);
      else byGround.set(ground, [wheel]);
    }
  }
  const meeting = new Set([...byGround.values()].filter(({ length }) => length > 1).flat());
  return byName.filter((wheel) => meeting.has(wheel));
}

/** To be raised with every change to what a ground is. */
const groundsRecipe = "1";

/**
 * Where a wheel installs: names in the folder of packages, and elsewhere beginnings of paths. A few names for thousands
 * of files, remembered for the wheel, so that most wheels need not be opened to see that they share nothing.
 */
async function groundsOf(
  { path, filename, digest }: LocalWheel,
  target: InstallTarget,
  store: Store,
): Promise<readonly string[]> {
  const { python, prefix, physicalPrefix } = target;
  const key = canonicalDigest([groundsRecipe, digest, filename, python, prefix, physicalPrefix]);
  const remembered = await store.memos.get("wheel-grounds", key, parseGrounds);
  if (remembered) return remembered;
  const library = `${physicalPrefix}/${sitePackages(target)}/`;
  const grounds = new Set<string>();
  for (const installed of await installedPaths(path, { ...target, filename })) {
    const below = installed.path.startsWith(library) ? library.length : 0;
    const segments = below === 0 ? physicalPrefix.split("/").length + 3 : 1;
    const names = installed.path.slice(below).split("/", segments);
    grounds.add(names.join("/"));
  }
  await store.memos.put("wheel-grounds", key, [...grounds]);
  return [...grounds];
}

function parseGrounds(value: unknown): readonly string[] {
  return z.array(z.string()).parse(value);
}
