import { isDeepStrictEqual } from "node:util";
import type { Outline } from "../../base/outline.ts";
import { isPythonLayer } from "../../image/layer.ts";
import { formatReference } from "../../image/reference.ts";
import { asksForPackages } from "../../python/resolve-options.ts";
import type { Step } from "../plan.ts";
import { type InstallPrefix, installPrefix } from "./install-prefix.ts";
import { type PackageGround, type PlannedPackages, planPackages } from "./plan-packages.ts";
import type { PlanContext, PlanSoFar } from "./prepare-plan.ts";
import { callSteps, overlapSteps } from "./python-steps.ts";
import type { IndexedLayer } from "./stages.ts";

/** The packages of an image, and how far they are laid by the steps of a plan. */
export interface LaidPackages {
  readonly packages: PlannedPackages;
  readonly prefix: InstallPrefix;
  /** Indices of those that have steps. */
  readonly laid: ReadonlySet<number>;
  /** What the prefix then has: versions by name. */
  readonly distributions: ReadonlyMap<string, string>;
}

/** What a stage needs to lay packages. */
export interface StagePackages {
  /** What is laid below the stage, by the steps in `steps`. */
  readonly below: LaidPackages;
  /** All steps below the stage; their packages are indices of `below.packages`. */
  readonly steps: readonly Step[];
  /** Whether the packages were planned for this stage, and not for one below. */
  readonly isNew: boolean;
  /** Call by index of the stage's layer. */
  readonly calls: ReadonlyMap<number, number>;
}

/**
 * The packages for a stage with Python layers; nothing for others. All calls of an image are resolved together, for its first
 * stage that has one; a later stage has the same answer, unless what was executed in between has changed what it
 * depends on: Python, the C library, what is installed. Raises what resolving raises.
 */
export async function packagesFor(
  files: readonly IndexedLayer[],
  isKnown: boolean,
  soFar: PlanSoFar,
  context: PlanContext,
): Promise<StagePackages | undefined> {
  const { request, base, calls: questions } = context;
  const calls = callsOf(files, context);
  const [firstCall] = calls.values();
  if (firstCall === undefined || !questions.some(asksForPackages)) {
    return undefined;
  }
  const { outline, steps, python } = soFar;
  if (python && !isKnown) {
    const below = { ...python, prefix: { ...python.prefix, entries: [] } };
    return { below, steps, isNew: false, calls };
  }
  const reference = formatReference(request.base);
  const prefix = installPrefix(outline, reference, request.definition.pythonVersion);
  if (python && isAsAssumed(python, prefix, outline)) {
    return { below: { ...python, prefix }, steps, isNew: false, calls };
  }
  const { platform } = base;
  const ground = { platform, outline, base, layers: isKnown ? soFar.layers : undefined };
  const packages = await planOnce(ground, prefix, python, context);
  const distributions = versionsIn(outline);
  const fresh = { packages, prefix, laid: new Set<number>(), distributions };
  const joined = python ? above(python, steps, fresh, firstCall) : { below: fresh, steps };
  return { ...joined, isNew: true, calls };
}

/** {@link planPackages}, once for the same ground: what lies below packages seldom becomes other than was assumed. */
async function planOnce(
  ground: PackageGround,
  prefix: InstallPrefix,
  python: LaidPackages | undefined,
  { request, calls, first, session, planned }: PlanContext,
): Promise<PlannedPackages> {
  const { target, version } = prefix;
  const { libc } = ground.outline;
  const kept = python?.packages.lock ?? first;
  const there = [...versionsIn(ground.outline)];
  const key = JSON.stringify([target, version, libc, there, kept]);
  const known = planned.get(key);
  if (known) return known;
  const packages = await planPackages(request, ground, prefix, calls, kept, session);
  planned.set(key, packages);
  return packages;
}

/** Index of the Python call by index of the layer. */
function callsOf(
  files: readonly IndexedLayer[],
  { request }: PlanContext,
): ReadonlyMap<number, number> {
  const wanted = new Set(files.map(({ index }) => index));
  const python = [...request.definition.layers.entries()].filter(([, layer]) =>
    isPythonLayer(layer),
  );
  return new Map(
    python.flatMap(([index], call) => (wanted.has(index) ? [[index, call] as const] : [])),
  );
}

/** Whether what the resolution depends on is what it was made for, and what was laid is still there. */
function isAsAssumed(python: LaidPackages, prefix: InstallPrefix, outline: Outline): boolean {
  return (
    isDeepStrictEqual(prefix.target, python.prefix.target) &&
    prefix.version === python.prefix.version &&
    isDeepStrictEqual(outline.libc, python.packages.lock.libc) &&
    isDeepStrictEqual(versionsIn(outline), python.distributions)
  );
}

function versionsIn({ distributions }: Outline): Map<string, string> {
  return new Map(distributions.map(({ name, version }) => [name, version]));
}

/** Packages that were planned anew on top of those that are laid. What is missing of earlier calls comes with `firstCall`. */
function above(
  python: LaidPackages,
  steps: readonly Step[],
  fresh: LaidPackages,
  firstCall: number,
): Pick<StagePackages, "below" | "steps"> {
  const laid = [...python.laid].sort((a, b) => a - b);
  const keep = <T>(list: readonly T[]): T[] => laid.map((index) => list[index] as T);
  const { packages } = fresh;
  const groups = packages.groups.map((group) => ({
    ...group,
    call: Math.max(group.call, firstCall),
    packages: group.packages.map((index) => index + laid.length),
  }));
  return {
    below: {
      ...fresh,
      packages: {
        ...packages,
        packages: [...keep(python.packages.packages), ...packages.packages],
        wheels: [...keep(python.packages.wheels), ...packages.wheels],
        groups,
      },
      laid: new Set(laid.keys()),
    },
    steps: steps.map((step) =>
      "packages" in step
        ? { ...step, packages: step.packages.map((index) => laid.indexOf(index)) }
        : step,
    ),
  };
}

/** Adds the steps of a call, and those of what all packages own together above the last call of a stage. */
export function layCall(
  python: LaidPackages,
  call: number,
  stage: StagePackages,
): { readonly python: LaidPackages; readonly steps: readonly Step[] } {
  const { packages } = python;
  const steps = callSteps(packages, call);
  const members = packages.groups.flatMap((group) =>
    group.kind === "wheels" && group.call === call ? group.packages : [],
  );
  if (members.length === 0) return { python, steps };
  const laid = new Set([...python.laid, ...members]);
  const distributions = new Map(python.distributions);
  for (const index of members) {
    const { name, version } = packages.packages[index] ?? {};
    if (name !== undefined && version !== undefined) distributions.set(name, version);
  }
  const isLast = !packages.groups.some(
    (group) => group.call > call && [...stage.calls.values()].includes(group.call),
  );
  const all = [...laid].sort((a, b) => a - b);
  return {
    python: { ...python, laid, distributions },
    steps: isLast ? [...steps, ...overlapSteps(packages, all)] : steps,
  };
}
