import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type RunningRegistry,
  startRegistry,
} from "../packages/lamella/testing/docker-registry.ts";
import { pushBase } from "./base.ts";
import type { BuiltImage, Contender, ContenderName, Ground } from "./contender.ts";
import type { Case, MeasureName } from "./measure.ts";
import { createProject, type Project } from "./project.ts";
import { measurePullsAndStarts } from "./pulls-and-starts.ts";
import { makeScratchFolder } from "./scratch-folder.ts";
import { settle } from "./settle.ts";
import type { Workload } from "./workload.ts";

export interface RoundOptions {
  /** In the order in which each case is measured. */
  readonly contenders: readonly ContenderName[];
  readonly start: (name: ContenderName, ground: Ground) => Promise<Contender>;
  readonly workload: Workload;
  readonly cases: ReadonlySet<Case>;
  /** Folder of the wheels. */
  readonly wheels: string;
  /** The executable uv. */
  readonly uv: string;
  readonly signal: AbortSignal;
  /** Told each number. */
  readonly record: (measure: MeasureName, contender: ContenderName, value: number) => void;
  /** Told each image that was built. */
  readonly onBuilt: (measure: MeasureName, contender: ContenderName, image: BuiltImage) => void;
}

/** A contender with all that is its own. */
interface Side {
  readonly contender: Contender;
  readonly registry: RunningRegistry;
  readonly project: Project;
}

/**
 * Measures each case once, for each contender in turn, on ground on which nothing was built yet. All that is started and
 * written is gone when it returns.
 */
export async function runRound(options: RoundOptions): Promise<void> {
  const { workload, cases, signal, record } = options;
  await using scratch = await makeScratchFolder();
  await using resources = new AsyncDisposableStack();
  const tools = await scratch.folder("tools");
  await copyFile(options.uv, join(tools, "uv"));
  const sides: Side[] = [];
  for (const name of options.contenders) {
    const project = await createProject(await scratch.folder(`${name}-project`));
    const registry = resources.use(await startRegistry());
    const contender = await options.start(name, {
      folder: await scratch.folder(name),
      project: project.path,
      registry: registry.host,
      base: await pushBase(registry.host),
      wheels: options.wheels,
      tools,
      signal,
    });
    sides.push({ contender: resources.use(contender), registry, project });
  }

  const forDocker = cases.has("pull");
  const cold = await build("cold", workload.packages, sides, options, forDocker);
  if (cases.has("nothing-changed")) {
    await build("nothingChanged", workload.packages, sides, options);
  }
  const packages = [...workload.packages, ...(cases.has("add-one") ? [workload.oneMore] : [])];
  const more = cases.has("add-one")
    ? await build("addOne", packages, sides, options, forDocker)
    : [];
  if (cases.has("source-only")) {
    for (const { project } of sides) await project.changeSource();
    await build("sourceOnly", packages, sides, options);
  }
  if (cases.has("fresh-machine")) {
    for (const [measure, order] of [
      ["freshMachine", "workdir-first"],
      ["freshMachineWorkdirLast", "workdir-last"],
    ] as const) {
      for (const { contender, project } of sides) {
        await contender.moveToFreshMachine(packages, order);
        await project.changeSource();
      }
      await build(measure, packages, sides, options);
    }
  }
  if (!cases.has("pull")) return;
  await measurePullsAndStarts(
    sides.map(({ contender, registry }, index) => ({
      name: contender.name,
      registry,
      cold: cold[index] ?? "",
      more: more[index] ?? "",
    })),
    { scratch, module: workload.module, starts: cases.has("start"), signal, record },
  );
}

/** Builds on each side. Returns each image's reference for Docker, where that is wanted. */
async function build(
  measure: MeasureName,
  packages: readonly string[],
  sides: readonly Side[],
  { record, onBuilt, signal }: RoundOptions,
  forDocker = false,
): Promise<readonly string[]> {
  const references: string[] = [];
  for (const { contender } of sides) {
    await settle(signal);
    const image = await contender.build(packages, measure.toLowerCase());
    record(measure, contender.name, image.seconds);
    onBuilt(measure, contender.name, image);
    if (forDocker) references.push(await image.forDocker());
  }
  return references;
}
