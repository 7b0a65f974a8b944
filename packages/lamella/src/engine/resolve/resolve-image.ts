import type { Base } from "../../base/base.ts";
import { definedEnvironment } from "../../image/environment.ts";
import type { Platform } from "../../image/platform.ts";
import { formatReference } from "../../image/reference.ts";
import { definedWorkdir } from "../../image/source-placement.ts";
import type { Lock } from "../../python/lock.ts";
import type { ImageRequest } from "../image-request.ts";
import type { PlannedConfig, Step } from "../plan.ts";
import type { Session } from "../session.ts";
import { together } from "../together.ts";
import { TooManyLayersError } from "./error.ts";
import { findBase } from "./find-base.ts";
import { prepareGround } from "./ground.ts";
import { baseVariables, imageEnv } from "./image-env.ts";
import { type InstallPrefix, installPrefix } from "./install-prefix.ts";
import { planPackages } from "./plan-packages.ts";
import type { PreparedPlan, PreparedSource } from "./prepared-plan.ts";
import { pythonCalls } from "./python-calls.ts";
import { inlineSteps, packageSteps, parentSteps, removalSteps } from "./python-steps.ts";
import { hashSources, sourceStep } from "./source-steps.ts";

/** The most layers that Docker's store takes ("max depth exceeded" beyond). */
const mostLayers = 125;

/**
 * Finds out what a definition means here and now: the base's digest, the locked wheels, the files' digests. One plan a
 * platform, under one resolution: a further platform gets the versions of the first where it can.
 */
export async function resolveImage(
  request: ImageRequest,
  session: Session,
): Promise<readonly PreparedPlan[]> {
  const wanted: readonly (Platform | undefined)[] = request.platforms ?? [undefined];
  const bases = await together(
    session,
    wanted.map((platform) => findBase(request, platform, session)),
  );
  const prepared: PreparedPlan[] = [];
  let first: Lock | undefined;
  for (const base of bases) {
    const plan = await preparePlan(request, base, first, session);
    first ??= plan.python?.lock;
    prepared.push(plan);
  }
  return prepared;
}

async function preparePlan(
  request: ImageRequest,
  base: Base,
  first: Lock | undefined,
  session: Session,
): Promise<PreparedPlan> {
  const { definition, identifier } = request;
  const reference = formatReference(request.base);
  const calls = await pythonCalls(definition, session.signal);
  const hasPackages = calls.some(({ requirements }) => requirements.length > 0);
  const prefix = hasPackages
    ? installPrefix(base.outline, reference, definition.pythonVersion)
    : undefined;
  const workdir = base.config.config?.WorkingDir || undefined;
  const [packages, sources] = await together(session, [
    prefix && planPackages(request, base, prefix, calls, first, session),
    hashSources(definition, workdir, base.outline, session),
  ]);
  const workdirs = definition.layers.flatMap((layer) =>
    layer.kind === "workdir" ? [layer.path] : [],
  );
  const final = definedWorkdir(definition, workdir);
  const ground = prepareGround(base.outline, definition.user, prefix, [
    ...workdirs,
    ...(final === undefined ? [] : [final]),
  ]);

  const prepareds = new Map<Step["key"], PreparedSource>();
  const steps: Step[] = [
    ...inlineSteps("user, environment and folders", ground.entries),
    ...(packages ? removalSteps(ground.outline, packages.lock.packages) : []),
  ];
  const byCall = packages ? packageSteps(packages) : new Map<number, Step[]>();
  let call = 0;
  for (const [index, layer] of definition.layers.entries()) {
    if (layer.kind === "pip-packages" || layer.kind === "requirements") {
      steps.push(...(byCall.get(call++) ?? []));
    }
    for (const source of sources.filter(({ placement }) => placement.layer === index)) {
      const placed = sourceStep(source, ground);
      prepareds.set(placed.step.key, placed.source);
      steps.push(placed.step);
    }
  }
  if (packages) steps.push(...parentSteps(ground.outline, packages.target));
  checkLayers(reference, base.layers.length, steps.length);

  return {
    plan: {
      version: 1,
      identifier,
      platform: base.platform,
      base: { reference, digest: base.descriptor.digest, layers: base.layers },
      ...(packages ? { python: packages.python } : {}),
      packages: packages?.packages.map(({ call: _call, ...planned }) => planned) ?? [],
      steps,
      config: plannedConfig(request, base, prefix, final),
    },
    base,
    ...(packages ? { python: packages } : {}),
    sources: prepareds,
  };
}

function plannedConfig(
  { definition, uri }: ImageRequest,
  base: Base,
  prefix: InstallPrefix | undefined,
  workdir: string | undefined,
): PlannedConfig {
  const below = baseVariables(base.config.config?.Env ?? [], prefix?.target.prefix);
  const env = imageEnv({ below, definition: definedEnvironment(definition, below), uri });
  return {
    env,
    ...(workdir === undefined ? {} : { workdir }),
    ...(definition.user ? { user: definition.user.name } : {}),
    labels: {},
  };
}

function checkLayers(base: string, below: number, ours: number): void {
  if (below + ours <= mostLayers) return;
  throw new TooManyLayersError(
    `The base ${base} has ${below} layers, and ${ours} more make ${below + ours}: runtimes take ${mostLayers}.`,
    "Use a base with fewer layers, or copy several source folders as one.",
  );
}
