import pLimit from "p-limit";
import { buildsAtOnce, names, notBuildable } from "./build-requirements.ts";
import type { Lock, LockedPackage, UnbuiltPackage } from "./lock.ts";
import { projectPackages } from "./project-packages.ts";
import { PackageBuildError } from "./resolution-error.ts";
import type { ResolveCall } from "./resolve-options.ts";
import type { BuiltSource, SourceBuilder } from "./source-builder.ts";
import { isForAnyPlatform, parseWheelFilename } from "./wheel-filename.ts";

export interface BuildLockedOptions {
  /** What the lock answers: it says how to get at what it names. */
  readonly calls: readonly ResolveCall[];
  /** Absent where nothing can be built for the lock's platform. */
  readonly builder: SourceBuilder | undefined;
  /** The lock of another platform, whose wheels for any platform are taken where nothing can be built. */
  readonly first: Lock | undefined;
}

/**
 * A lock of a file with all its packages as wheels: what has none is built, or was built before. Raises NoWheelError
 * without a builder, and what building raises.
 */
export async function buildLocked(lock: Lock, options: BuildLockedOptions): Promise<Lock> {
  const { unbuilt = [], ...rest } = lock;
  if (unbuilt.length === 0) return lock;
  const limit = pLimit(buildsAtOnce);
  const built = await Promise.all(
    unbuilt.map((entry) =>
      limit(async (): Promise<LockedPackage> => {
        const { wheel, source } = await buildOne(entry, lock, options);
        const { name, version } = parseWheelFilename(wheel.filename);
        if (name === entry.name) return { ...entry, version, wheel, source };
        throw new PackageBuildError(
          `What was built for ${entry.name} is ${name}.`,
          "Write the lock anew: lamella lock FILE.",
        );
      }),
    ),
  );
  const packages = [...rest.packages, ...built].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...rest, packages };
}

async function buildOne(
  { name, version, source }: UnbuiltPackage,
  target: Lock,
  { calls, builder, first }: BuildLockedOptions,
): Promise<BuiltSource> {
  if (!builder) {
    const known = first?.packages.find((one) => one.name === name && one.version === version);
    if (known?.source && isForAnyPlatform(known.wheel.filename)) {
      return { wheel: known.wheel, source: known.source };
    }
    throw notBuildable(`${name} ${version}`, target.platform);
  }
  if (source.kind === "sdist") {
    return { wheel: await builder.build({ name, version, file: source.file }), source };
  }
  const commit = source.kind === "repository" ? source.commit : undefined;
  for (const { sources = [], project, secrets } of calls) {
    const locked = project === undefined ? [] : projectPackages(project, target);
    const requirement = [...sources, ...locked.flatMap((one) => one.source ?? [])].find((one) =>
      names(one.source, source),
    );
    if (requirement) return await builder.buildRequirement(requirement, { commit, secrets });
  }
  throw new PackageBuildError(
    `The lock has ${name} from a ${source.kind} that no requirement names.`,
    "Write it anew: lamella lock FILE.",
  );
}
