import type { Outline } from "../../base/outline.ts";
import { restoredParents } from "../../base/placement.ts";
import { removalEntries } from "../../base/replaced.ts";
import type { CanonicalValue } from "../../files/canonical.ts";
import type { FileEntry } from "../../files/entry.ts";
import { type InstallTarget, sitePackages } from "../../python/install-target.ts";
import type { Group } from "../../python/packing.ts";
import { plannedEntries } from "../materialize/inline.ts";
import type { InlineStep, OverlapsStep, PlannedCompiler, PlannedPackage, Step } from "../plan.ts";
import { stepKey } from "../step-key.ts";

/** What the packages' steps are made of. */
export interface PythonLayers {
  /** In the plan's order. `call` is the index of the definition's call that brought the package. */
  readonly packages: readonly (PlannedPackage & { readonly call: number })[];
  readonly target: InstallTarget;
  readonly compiler?: PlannedCompiler;
  /** Which of them share a layer, in layer order. */
  readonly groups: readonly Group[];
}

/** The steps of a call's packages, bottom first: its groups, in their order. */
export function callSteps(layers: PythonLayers, call: number): Step[] {
  const { packages, groups, target, compiler } = layers;
  return groups.flatMap((group): Step[] => {
    if (group.call !== call) return [];
    const members = group.packages;
    const installed = { target: targetKey(target), wheels: wheelKeys(members, packages) };
    const common = { needs: "files", packages: members } as const;
    if (group.kind === "wheels") {
      const title = groupTitle(members, packages);
      return [{ ...common, kind: "wheels", key: stepKey("wheels", installed), title }];
    }
    if (!compiler) return [];
    const key = stepKey("bytecode", { ...installed, compiler: compilerKey(compiler) });
    const title = `bytecode of ${groupTitle(members, packages)}`;
    return [{ ...common, kind: "bytecode", key, title }];
  });
}

/** The step of what packages own together, above them all. `members` are all that are there, by index; in order. */
export function overlapSteps(
  { packages, target, compiler }: PythonLayers,
  members: readonly number[],
): OverlapsStep[] {
  if (members.length < 2) return [];
  const key = stepKey("overlaps", {
    target: targetKey(target),
    wheels: wheelKeys(members, packages),
    ...(compiler ? { compiler: compilerKey(compiler) } : {}),
  });
  const title = "files of several packages";
  return [{ kind: "overlaps", key, needs: "files", title, packages: members }];
}

/** The steps that need the compiler, where all packages are laid by one stage. */
export function compiledSteps(layers: PythonLayers): Step[] {
  const calls = new Set(layers.groups.map(({ call }) => call));
  const bytecode = [...calls]
    .flatMap((call) => callSteps(layers, call))
    .filter(({ kind }) => kind === "bytecode");
  return [...bytecode, ...overlapSteps(layers, [...layers.packages.keys()])];
}

/** Removes what the base has of these packages in another version, below the wheels. Nothing when there is nothing. */
export function removalSteps(
  outline: Outline,
  packages: readonly { readonly name: string; readonly version: string }[],
): InlineStep[] {
  const versions = new Map(packages.map(({ name, version }) => [name, version]));
  const replaced = outline.distributions.filter(({ name, version }) => {
    const wanted = versions.get(name);
    return wanted !== undefined && wanted !== version;
  });
  const names = replaced.map(({ name, version }) => `${name} ${version}`);
  return inlineSteps(`without the base's ${names.join(", ")}`, removalEntries(outline, replaced));
}

/** Gives directories that the wheels' layers call root's, 0755, their owner and mode again. Nothing where they are so. */
export function parentSteps(outline: Outline, target: InstallTarget): InlineStep[] {
  const prefix = target.physicalPrefix;
  const installed = [`${prefix}/bin/x`, `${prefix}/${sitePackages(target)}/x`];
  return inlineSteps("directories as in the base", restoredParents(outline, installed));
}

/** A step of a few small entries, if there are any. */
export function inlineSteps(title: string, entries: readonly FileEntry[]): InlineStep[] {
  if (entries.length === 0) return [];
  const planned = plannedEntries(entries);
  const key = stepKey(
    "inline",
    planned.map((entry) =>
      Object.entries(entry).map(([name, value]): CanonicalValue => [name, String(value)]),
    ),
  );
  return [{ kind: "inline", key, needs: "files", title, entries: planned }];
}

function targetKey({ python, prefix, physicalPrefix }: InstallTarget): CanonicalValue {
  return { python, prefix, physicalPrefix };
}

function compilerKey({ version, cacheTag }: PlannedCompiler): CanonicalValue {
  return { version, cacheTag };
}

function wheelKeys(members: readonly number[], packages: PythonLayers["packages"]): CanonicalValue {
  return members.flatMap((at): CanonicalValue[] => {
    const member = packages[at];
    if (!member) return [];
    const { wheel, digest, directUrl } = member;
    return [{ wheel, digest, directUrl: directUrl && JSON.stringify(directUrl) }];
  });
}

/** `numpy 1.26.0`, or `14 packages: certifi, idna, …`. */
function groupTitle(members: readonly number[], packages: PythonLayers["packages"]): string {
  const [first] = members.map((at) => packages[at]);
  if (members.length === 1 && first) return `${first.name} ${first.version}`;
  const names = members.map((at) => packages[at]?.name ?? "");
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${names.length} packages: ${shown}, …` : shown;
}
