import type { Platform } from "../../image/platform.ts";
import type { Lock } from "../../python/lock.ts";
import type { ResolveCall } from "../../python/resolve-options.ts";
import type { ImageRequest } from "../image-request.ts";
import type { Session } from "../session.ts";
import { together } from "../together.ts";
import { checkEnvironment } from "./check-environment.ts";
import { requireLock } from "./choose-lock.ts";
import { findBase } from "./find-base.ts";
import { preparePlan } from "./prepare-plan.ts";
import type { PreparedPlan } from "./prepared-plan.ts";
import { pythonCalls } from "./python-calls.ts";
import { SourceTrees } from "./source-steps.ts";
import { withMemory } from "./with-memory.ts";

/**
 * Finds out what a definition means here and now: the base's digest, the locked wheels, the files' digests. One plan a
 * platform, under one resolution: a further platform gets the versions of the first where it can. What lies above steps
 * that were executed before is planned against what they left.
 */
export async function resolveImage(
  request: ImageRequest,
  session: Session,
): Promise<readonly PreparedPlan[]> {
  const wanted: readonly (Platform | undefined)[] = request.platforms ?? [undefined];
  const [calls, ...bases] = await together(session, [
    callsOf(request, session),
    ...wanted.map((platform) => findBase(request, platform, session)),
  ]);
  for (const base of bases) checkEnvironment(request.definition, base);
  const trees = new SourceTrees(session);
  const prepared: PreparedPlan[] = [];
  let first: Lock | undefined;
  for (const base of bases) {
    const context = { request, base, calls, trees, planned: new Map(), first, session };
    const plan = await withMemory(await preparePlan(context), session);
    first ??= plan.python?.lock;
    prepared.push(plan);
  }
  return prepared;
}

async function callsOf(
  request: ImageRequest,
  { signal }: Session,
): Promise<readonly ResolveCall[]> {
  const calls = await pythonCalls(request.definition, signal);
  requireLock(request, calls);
  return calls;
}
