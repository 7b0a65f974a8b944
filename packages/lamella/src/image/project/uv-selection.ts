import {
  lockProblem,
  type UvDependency,
  type UvLock,
  type UvPackage,
  type UvRequirement,
  type UvSource,
} from "./uv-lock.ts";

/** What of a lock is to be installed, before it is known for which environment. */
export interface UvSelection {
  readonly roots: readonly UvRoot[];
  /** What is asked for beside: by a script, or by groups of a workspace without a project of its own. */
  readonly requirements: readonly UvRequirement[];
}

/** A package of the project that the installation starts from. */
export interface UvRoot {
  readonly package: UvPackage;
  readonly extras: readonly string[];
  readonly groups: readonly string[];
  /** Whether it is installed itself, and not only what it needs. */
  readonly isInstalled: boolean;
}

/** A package that is needed. */
export interface UvReached {
  readonly package: UvPackage;
  readonly extras: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  readonly isInstalled: boolean;
}

/**
 * Whether a marker holds. `conflicting` are the extras and groups that are selected, as uv writes them in the markers of a
 * lock with declared conflicts: `extra-NUMBER-PACKAGE-EXTRA`, where the number is the length of the package's name.
 */
export type JudgeMarker = (marker: string, conflicting: ReadonlySet<string>) => boolean;

/** The most rounds in which selected extras may select further ones; real locks need two. */
const mostRounds = 20;

/**
 * The packages that a selection needs, sorted by name and version. With markers that are all held for true these are
 * those of all environments. Raises ProjectError for a lock that names what it does not have.
 */
export function selectPackages(
  lock: UvLock,
  selection: UvSelection,
  judge: JudgeMarker,
): readonly UvReached[] {
  let conflicting: ReadonlySet<string> = new Set();
  for (let round = 0; ; round++) {
    const { reached, active } = reach(lock, selection, (marker) => judge(marker, conflicting));
    if (active.size === conflicting.size || round === mostRounds) {
      return [...reached.values()].sort((a, b) => compare(key(a.package), key(b.package)));
    }
    conflicting = active;
  }
}

interface Reached extends UvReached {
  readonly extras: Set<string>;
  readonly groups: Set<string>;
}

function reach(
  lock: UvLock,
  { roots, requirements }: UvSelection,
  holds: (marker: string) => boolean,
): { readonly reached: ReadonlyMap<UvPackage, Reached>; readonly active: ReadonlySet<string> } {
  const byName = Map.groupBy(lock.packages, ({ name }) => name);
  const withoutItself = new Set(roots.flatMap((root) => (root.isInstalled ? [] : [root.package])));
  const reached = new Map<UvPackage, Reached>();
  const active = new Set<string>();
  const waiting: UvDependency[] = requirements.map(({ name, extras, marker }) => ({
    name,
    extras,
    ...(marker !== undefined && { marker }),
  }));
  const add = (one: UvPackage, extras: readonly string[], groups: readonly string[]): void => {
    const isNew = !reached.has(one);
    const entry = reached.get(one) ?? {
      package: one,
      extras: new Set(),
      groups: new Set(),
      isInstalled: one.source.kind !== "virtual" && !withoutItself.has(one),
    };
    reached.set(one, entry);
    if (isNew) waiting.push(...one.dependencies);
    for (const extra of extras) {
      if (entry.extras.has(extra)) continue;
      entry.extras.add(extra);
      active.add(`extra-${one.name.length}-${one.name}-${extra}`);
      waiting.push(...(one.extras.get(extra) ?? []));
    }
    for (const group of groups) {
      if (entry.groups.has(group)) continue;
      entry.groups.add(group);
      active.add(`group-${one.name.length}-${one.name}-${group}`);
      waiting.push(...(one.groups.get(group) ?? []));
    }
  };
  for (const root of roots) {
    active.add(`project-${root.package.name.length}-${root.package.name}`);
    add(root.package, root.extras, root.groups);
  }
  for (let dependency = waiting.pop(); dependency; dependency = waiting.pop()) {
    const { name, extras, marker } = dependency;
    if (marker !== undefined && !holds(marker)) continue;
    for (const one of meant(lock, dependency, byName.get(name) ?? [], holds)) add(one, extras, []);
  }
  return { reached, active };
}

/** The packages that a dependency means: one, or one for each environment where all markers are held for true. */
function meant(
  lock: UvLock,
  { name, version, source }: UvDependency,
  candidates: readonly UvPackage[],
  holds: (marker: string) => boolean,
): readonly UvPackage[] {
  const named = candidates.filter(
    (one) =>
      (version === undefined || one.version === version) &&
      (source === undefined || isSameSource(one.source, source)),
  );
  if (named.length === 0) {
    throw lockProblem(
      lock,
      `it names ${name}${version === undefined ? "" : ` ${version}`} and does not have it`,
      "Write it anew: uv lock.",
    );
  }
  if (named.length === 1) return named;
  return named.filter(
    ({ resolutionMarkers }) => resolutionMarkers.length === 0 || resolutionMarkers.some(holds),
  );
}

function isSameSource(a: UvSource, b: UvSource): boolean {
  return a.kind === b.kind && a.at === b.at && a.subdirectory === b.subdirectory;
}

function key({ name, version = "", source }: UvPackage): string {
  return [name, version, source.kind, source.at].join("\0");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
