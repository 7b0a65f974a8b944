import type { Base } from "../../base/base.ts";
import type { Outline } from "../../base/outline.ts";
import type { LamellaError } from "../../error.ts";
import { definedEnvironment } from "../../image/environment.ts";
import { formatReference } from "../../image/reference.ts";
import { runtimeSettings } from "../../image/runtime-settings.ts";
import { definedWorkdir } from "../../image/source-placement.ts";
import type { Lock } from "../../python/lock.ts";
import { asksForPackages, type ResolveCall } from "../../python/resolve-options.ts";
import type { ImageRequest } from "../image-request.ts";
import type { PlannedConfig, Step } from "../plan.ts";
import { type Session, scoped } from "../session.ts";
import { together } from "../together.ts";
import { TooManyLayersError } from "./error.ts";
import { type ExecuteContext, executeSteps, withKey } from "./execute-steps.ts";
import { type Owner, prepareGround } from "./ground.ts";
import { baseVariables, imageEnv } from "./image-env.ts";
import { defaultPrefix } from "./install-prefix.ts";
import { type LaidPackages, layCall, packagesFor } from "./lay-packages.ts";
import { isMendable } from "./mendable.ts";
import type { PlannedPackages } from "./plan-packages.ts";
import type {
  Boundary,
  FoundLayers,
  FoundOutline,
  PreparedPlan,
  PreparedSource,
} from "./prepared-plan.ts";
import { inlineSteps, parentSteps, removalSteps } from "./python-steps.ts";
import { placements, type SourceTrees, sourceStep } from "./source-steps.ts";
import { definitionStages, type IndexedLayer, type Stage } from "./stages.ts";

/** The most layers that Docker's store takes ("max depth exceeded" beyond). */
const mostLayers = 125;

/** What every planning of an image for one platform shares. */
export interface PlanContext {
  readonly request: ImageRequest;
  readonly base: Base;
  /** What the definition's Python layers ask for, in their order. */
  readonly calls: readonly ResolveCall[];
  readonly trees: SourceTrees;
  /** Packages that were planned before, by all that they depend on. */
  readonly planned: Map<string, PlannedPackages>;
  /** The lock of the image's first platform, where this is another one. */
  readonly first: Lock | undefined;
  readonly session: Session;
}

/** A plan as far as it is made: what lies at and below some point, the lowest first. */
export interface PlanSoFar {
  readonly steps: readonly Step[];
  readonly sources: ReadonlyMap<Step["key"], PreparedSource>;
  readonly boundaries: readonly PassedBoundary[];
  /** Of what lies below: found, or assumed where a step that executes is among it. */
  readonly outline: Outline;
  /** What lies above the base and below the lowest stage that is being planned; absent where that is not here. */
  readonly layers?: FoundLayers | undefined;
  /** Who owns what the definition copies. */
  readonly owner: Owner;
  readonly python?: LaidPackages;
}

/** A boundary, with the plan below it. */
interface PassedBoundary extends Boundary {
  readonly below: PlanSoFar;
}

/**
 * Plans an image for one platform, against the outline of its base. What lies above a step that executes is planned as if
 * that changed nothing which matters: {@link PreparedPlan.above} makes the plan again when it is known what it did. Where
 * that cannot be (the base has no Python before it is installed), the plan ends with the step, and is pending.
 */
export function preparePlan(context: PlanContext): Promise<PreparedPlan> {
  const nothing: PlanSoFar = {
    steps: [],
    sources: new Map(),
    boundaries: [],
    outline: context.base.outline,
    layers: { outcomes: [], places: { session: context.session } },
    owner: { uid: 0, gid: 0 },
  };
  return planFrom(0, nothing, context);
}

/** Plans the stages from one on. What lies below the first of them is known, and below the others assumed. */
async function planFrom(
  from: number,
  below: PlanSoFar,
  context: PlanContext,
): Promise<PreparedPlan> {
  const stages = definitionStages(context.request.definition);
  let soFar = below;
  let pending: LamellaError | undefined;
  for (let at = from; at < stages.length && pending === undefined; at++) {
    const stage = stages[at] as Stage;
    const isKnown = at === from;
    // What is built from source cannot be had without the layers below: then it is planned again with them.
    const isCertain = isKnown && soFar.layers !== undefined;
    try {
      const session = isCertain ? context.session : scoped(context.session);
      soFar = await planStage(at, stage, isKnown, soFar, { ...context, session });
      if (at + 1 < stages.length) soFar = withBoundary(at, soFar);
    } catch (error) {
      context.session.signal.throwIfAborted();
      if (isKnown || !isMendable(error)) throw error;
      pending = error;
    }
  }
  return preparedPlan(soFar, pending, context);
}

function withBoundary(stage: number, below: PlanSoFar): PlanSoFar {
  const step = below.steps.at(-1);
  if (!step) throw new Error("A stage that executes nothing ends with nothing.");
  return { ...below, boundaries: [...below.boundaries, { step: step.key, stage, below }] };
}

function preparedPlan(
  { steps, sources, boundaries, python }: PlanSoFar,
  pending: LamellaError | undefined,
  context: PlanContext,
): PreparedPlan {
  const { request, base } = context;
  const reference = formatReference(request.base);
  checkLayers(reference, base.layers.length, steps.length);
  const packages = python?.packages;
  return {
    plan: {
      version: 1,
      identifier: request.identifier,
      platform: base.platform,
      base: { reference, digest: base.descriptor.digest, layers: base.layers },
      ...(packages ? { python: packages.python } : {}),
      packages: packages?.packages.map(({ call: _call, ...planned }) => planned) ?? [],
      steps,
      ...(pending === undefined ? {} : { pending: pending.message }),
      config: plannedConfig(context, python),
    },
    base,
    ...(packages ? { python: packages } : {}),
    sources,
    boundaries,
    ...(pending === undefined ? {} : { pending }),
    above: (boundary, found) => planAbove(boundary, found, boundaries, context),
  };
}

function planAbove(
  { stage }: Boundary,
  found: FoundOutline,
  boundaries: readonly PassedBoundary[],
  context: PlanContext,
): Promise<PreparedPlan> {
  const passed = boundaries.find((boundary) => boundary.stage === stage);
  if (!passed) throw new RangeError(`The plan has no boundary above its stage ${stage}.`);
  const below: PlanSoFar = {
    ...passed.below,
    boundaries: [...passed.below.boundaries, { ...passed, found }],
    outline: found.outline,
    layers: found.layers,
  };
  return planFrom(stage + 1, below, context);
}

/** Adds a stage's steps. */
async function planStage(
  at: number,
  { files, executing }: Stage,
  isKnown: boolean,
  below: PlanSoFar,
  context: PlanContext,
): Promise<PlanSoFar> {
  const { request, base, session, trees } = context;
  const { definition } = request;
  const workdir = base.config.config?.WorkingDir || undefined;
  const copied = placements(definition, workdir, below.outline).filter(({ layer }) =>
    files.some(({ index }) => index === layer),
  );
  const [packages, hashed] = await together(session, [
    packagesFor(files, isKnown, below, context),
    Promise.all(
      copied.map(async (placement) => ({ placement, tree: await trees.read(placement) })),
    ),
  ]);
  const ground = prepareGround(below.outline, {
    user: at === 0 ? definition.user : undefined,
    owner: below.owner,
    prefix: packages?.below.prefix,
    workdirs: workdirsOf(files, at === 0 ? (definition.workdir ?? workdir) : undefined),
  });
  const steps: Step[] = [
    ...inlineSteps(at === 0 ? "user, environment and folders" : "folders", ground.entries),
    ...(packages?.isNew ? removalSteps(ground.outline, packages.below.packages.lock.packages) : []),
  ];
  const sources = new Map(below.sources);
  let python = packages?.below ?? below.python;
  for (const { index } of files) {
    const call = packages?.calls.get(index);
    if (packages && python && call !== undefined) {
      const laid = layCall(python, call, packages);
      steps.push(...laid.steps);
      python = laid.python;
    }
    for (const { placement, tree } of hashed.filter((one) => one.placement.layer === index)) {
      const placed = await sourceStep(placement, tree, ground);
      sources.set(placed.step.key, placed.source);
      steps.push(placed.step);
    }
  }
  if (packages) steps.push(...parentSteps(ground.outline, packages.below.packages.target));
  const all = [...(packages?.steps ?? below.steps), ...steps];
  for (const layer of executing) {
    for (const step of executeSteps(layer, executeContext(context, python))) {
      all.push(withKey(step, base.config.rootfs.diff_ids, all));
    }
  }
  return {
    ...below,
    steps: all,
    sources,
    outline: ground.outline,
    owner: ground.owner,
    ...(python ? { python } : {}),
  };
}

/** What a step that executes sees, above what is laid so far. */
function executeContext(context: PlanContext, python: LaidPackages | undefined): ExecuteContext {
  const { request, base } = context;
  const { Env = [], WorkingDir, Shell } = base.config.config ?? {};
  return {
    definition: request.definition,
    platform: base.platform,
    workdir: WorkingDir || undefined,
    shell: Shell,
    variables: baseVariables(Env, python?.prefix.target.prefix),
    finalVariables: baseVariables(Env, finalPrefix(context, python)),
  };
}

/** Where packages are in the finished image, if it has any. */
function finalPrefix(
  { base, calls }: PlanContext,
  python: LaidPackages | undefined,
): string | undefined {
  if (!calls.some(asksForPackages)) return undefined;
  return python?.prefix.target.prefix ?? base.outline.venv?.prefix ?? defaultPrefix;
}

/** The working directories that a stage needs: those that it names, or the one that the image starts with. */
function workdirsOf(files: readonly IndexedLayer[], initial: string | undefined): string[] {
  const named = files.flatMap(({ layer }) => (layer.kind === "workdir" ? [layer.path] : []));
  return named.length > 0 || initial === undefined ? named : [initial];
}

function plannedConfig(context: PlanContext, python: LaidPackages | undefined): PlannedConfig {
  const { definition, uri } = context.request;
  const { Env = [], WorkingDir } = context.base.config.config ?? {};
  const below = baseVariables(Env, finalPrefix(context, python));
  const env = imageEnv({ below, definition: definedEnvironment(definition, below), uri });
  const workdir = definedWorkdir(definition, WorkingDir || undefined);
  return {
    env,
    ...(workdir === undefined ? {} : { workdir }),
    ...runtimeSettings(definition),
  };
}

function checkLayers(base: string, below: number, ours: number): void {
  if (below + ours <= mostLayers) return;
  throw new TooManyLayersError(
    `The base ${base} has ${below} layers, and ${ours} more make ${below + ours}: runtimes take ${mostLayers}.`,
    "Use a base with fewer layers, copy several source folders as one, or join commands with &&.",
  );
}
