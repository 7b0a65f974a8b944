import * as z from "zod/mini";
import { canonicalDigest } from "../../files/canonical.ts";
import type { Digest } from "../../files/digest.ts";
import { type InstallTarget, sitePackages } from "../../python/install-target.ts";
import { installedPaths } from "../../python/wheel.ts";
import type { Store } from "../../store/store.ts";

/** A wheel, whether or not it is on this machine. */
export interface NamedWheel {
  readonly digest: Digest;
  /** As PEP 427 has it. */
  readonly filename: string;
}

/**
 * Where a wheel installs: names in the folder of packages, and elsewhere beginnings of paths. A few names for thousands
 * of files, remembered for the wheel, and in caches too: so most wheels need neither be opened nor fetched to see that
 * they share nothing with others.
 */
export type Grounds = readonly string[];

/** Reads the grounds of a wheel file. Raises InvalidWheelError. */
export async function readGrounds(
  { path, filename }: { readonly path: string; readonly filename: string },
  target: InstallTarget,
): Promise<Grounds> {
  const { physicalPrefix } = target;
  const library = `${physicalPrefix}/${sitePackages(target)}/`;
  const grounds = new Set<string>();
  for (const installed of await installedPaths(path, { ...target, filename })) {
    const below = installed.path.startsWith(library) ? library.length : 0;
    const segments = below === 0 ? physicalPrefix.split("/").length + 3 : 1;
    const names = installed.path.slice(below).split("/", segments);
    grounds.add(names.join("/"));
  }
  return [...grounds];
}

/** Those of some wheels, by index, that have a ground in common with another: the others share no path with anybody. */
export function meeting(grounds: readonly Grounds[]): number[] {
  const byGround = new Map<string, number[]>();
  for (const [index, own] of grounds.entries()) {
    for (const ground of own) {
      const others = byGround.get(ground);
      if (others) others.push(index);
      else byGround.set(ground, [index]);
    }
  }
  const met = new Set([...byGround.values()].filter(({ length }) => length > 1).flat());
  return [...grounds.keys()].filter((index) => met.has(index));
}

const namespace = "wheel-grounds";

/** To be raised with every change to what a ground is. */
const recipe = "1";

const value = z.array(z.string());

export function recallGrounds(
  wheel: NamedWheel,
  target: InstallTarget,
  store: Store,
): Promise<Grounds | undefined> {
  return store.memos.get(namespace, memoKey(wheel, target), (found) => value.parse(found));
}

export async function rememberGrounds(
  wheel: NamedWheel,
  target: InstallTarget,
  grounds: Grounds,
  store: Store,
): Promise<void> {
  await store.memos.put(namespace, memoKey(wheel, target), grounds);
}

function memoKey({ digest, filename }: NamedWheel, target: InstallTarget): Digest {
  const { python, prefix, physicalPrefix } = target;
  return canonicalDigest([recipe, digest, filename, python, prefix, physicalPrefix]);
}
