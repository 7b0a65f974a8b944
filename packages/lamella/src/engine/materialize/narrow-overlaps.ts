import type { OverlapsStep } from "../plan.ts";
import type { PlannedPackages } from "../resolve/plan-packages.ts";
import type { PreparedPlan } from "../resolve/prepared-plan.ts";
import { overlapSteps } from "../resolve/python-steps.ts";
import {
  type Grounds,
  meeting,
  type NamedWheel,
  recallGrounds,
  rememberGrounds,
} from "./grounds.ts";
import type { Workshop } from "./make-step.ts";
import { recallStep } from "./remembered-step.ts";

/**
 * The same step with only those wheels that may share files: what it gives is the same, its key holds for other images
 * too, and the other wheels are not needed for it. Nothing where no wheels meet. A wheel of which nothing is remembered
 * is fetched and looked at; raises what that raises.
 */
export async function narrowOverlaps(
  step: OverlapsStep,
  { plan, python }: PreparedPlan,
  { pool, shelf, session: { store } }: Workshop,
): Promise<OverlapsStep | undefined> {
  if (!python) throw new Error(`No Python for ${step.title}.`);
  const { target } = python;
  const read = async (index: number): Promise<Grounds> => {
    const [wheel] = await shelf.take([index], python, plan.platform);
    if (!wheel) throw new RangeError(`No package ${index} in the plan.`);
    const { grounds } = await pool.run({ kind: "grounds", wheel, target }, first, () => {});
    if (!grounds) throw new Error(`Nothing was read of ${wheel.filename}.`);
    await rememberGrounds(wheel, target, grounds, store);
    return grounds;
  };
  const grounds = await Promise.all(
    step.packages.map(
      async (index) =>
        (await recallGrounds(wheelAt(index, python), target, store)) ?? (await read(index)),
    ),
  );
  return narrowed(step, python, grounds);
}

/** Weight of a job that takes a moment and that another one may wait for. */
const first = Number.POSITIVE_INFINITY;

/**
 * Recalls what a build that makes the step would remember beside its result, so that a cache gets it also from a machine
 * that knows the result.
 */
export async function recallNarrowing(
  step: OverlapsStep,
  { python }: PreparedPlan,
  { session: { store } }: Pick<Workshop, "session">,
): Promise<void> {
  if (!python) return;
  const recalled = await Promise.all(
    step.packages.map((index) => recallGrounds(wheelAt(index, python), python.target, store)),
  );
  const grounds = recalled.filter((one) => one !== undefined);
  if (grounds.length < recalled.length) return;
  const narrow = narrowed(step, python, grounds);
  if (narrow) await recallStep(store, narrow.key);
}

/** `grounds` are those of the step's packages, in their order. */
function narrowed(
  step: OverlapsStep,
  python: PlannedPackages,
  grounds: readonly Grounds[],
): OverlapsStep | undefined {
  const members = meeting(grounds).flatMap((at) => step.packages[at] ?? []);
  return overlapSteps(python, members)[0];
}

function wheelAt(index: number, { packages }: PlannedPackages): NamedWheel {
  const planned = packages[index];
  if (!planned) throw new RangeError(`No package ${index} in the plan.`);
  return { digest: planned.digest, filename: planned.wheel };
}
