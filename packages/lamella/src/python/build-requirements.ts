import pLimit from "p-limit";
import type { LockedPackage, UnbuiltPackage } from "./lock.ts";
import type { ExactSource, PackageSource } from "./package-source.ts";
import type { Requirement, SourceRequirement } from "./requirements.ts";
import { NoWheelError, PackageBuildError } from "./resolution-error.ts";
import type { ResolveCall, ResolveOptions } from "./resolve-options.ts";
import type { BuiltSource, SourceBuilder } from "./source-builder.ts";
import { isForAnyPlatform, parseWheelFilename } from "./wheel-filename.ts";

/** Each may use all cores for a while. */
export const buildsAtOnce = 2;

/** Calls that name wheels where they named what has to be built. */
export interface BuiltCalls {
  readonly calls: readonly ResolveCall[];
  /** What the wheels were built from, by their SHA-256. */
  readonly built: ReadonlyMap<string, ExactSource>;
}

/**
 * Builds what calls name as source. Without a `builder` there are only the wheels for any platform that the lock to
 * prefer has of the same sources; else NoWheelError is raised. Raises what building raises, and PackageBuildError for a
 * wheel of another package.
 */
export async function buildRequirements(
  options: ResolveOptions,
  builder: SourceBuilder | undefined,
): Promise<BuiltCalls> {
  const built = new Map<string, ExactSource>();
  const limit = pLimit(buildsAtOnce);
  const calls = options.calls.map(async ({ sources = [], ...call }): Promise<ResolveCall> => {
    const { secrets } = call;
    const wheels = sources.map((requirement) =>
      limit(async (): Promise<Requirement> => {
        const locked = sameInLock(requirement, options);
        const commit = locked?.source?.kind === "repository" ? locked.source.commit : undefined;
        const { upgrade } = options;
        const one = builder
          ? await builder.buildRequirement(requirement, { commit, upgrade, secrets })
          : portable(requirement, locked, options);
        // uv reads its metadata.
        await builder?.bring(one.wheel);
        built.set(one.wheel.sha256, one.source);
        return wheelRequirement(requirement, one);
      }),
    );
    return { ...call, requirements: [...call.requirements, ...(await Promise.all(wheels))] };
  });
  return { calls: await Promise.all(calls), built };
}

/** What the lock to prefer has of the same source; of a folder whatever it was, since it says what it is now. */
function sameInLock(
  { source }: SourceRequirement,
  { preferences }: ResolveOptions,
): LockedPackage | UnbuiltPackage | undefined {
  const { packages = [], unbuilt = [] } = preferences ?? {};
  return [...packages, ...unbuilt].find((locked) => locked.source && names(source, locked.source));
}

/** Whether a requirement names what was built, apart from what it was then. */
export function names(source: PackageSource, exact: ExactSource): boolean {
  switch (source.kind) {
    case "repository":
      return (
        exact.kind === "repository" &&
        exact.url === source.url &&
        exact.reference === source.reference &&
        exact.subdirectory === source.subdirectory
      );
    case "archive":
      return exact.kind === "archive" && exact.file.url === source.url;
    case "folder":
      return exact.kind === "folder" && exact.path === source.path;
    default:
      return source satisfies never;
  }
}

function portable(
  { source, name }: SourceRequirement,
  locked: LockedPackage | UnbuiltPackage | undefined,
  { platform }: ResolveOptions,
): BuiltSource {
  if (locked?.source && "wheel" in locked && isForAnyPlatform(locked.wheel.filename)) {
    return { wheel: locked.wheel, source: locked.source };
  }
  throw notBuildable(name ?? (source.kind === "folder" ? source.path : source.url), platform);
}

/** The error where there is no sandbox: known as that of a package without a wheel, since it may be there later. */
export function notBuildable(what: string, platform: string): NoWheelError {
  return new NoWheelError(
    what,
    `${what} has to be built for ${platform}, which needs a base with Python, and a machine of that architecture.`,
    "Build a wheel of it there (pip wheel), and name that: ./NAME.whl.",
  );
}

function wheelRequirement(
  { name, extras, marker, hashes, source }: SourceRequirement,
  { wheel }: BuiltSource,
): Requirement {
  const own = parseWheelFilename(wheel.filename).name;
  if (name !== undefined && name !== own) {
    const from = source.kind === "folder" ? source.path : source.url;
    throw new PackageBuildError(
      `What was built from ${from} is ${own}, and not ${name}.`,
      `Name it ${own} in the requirement.`,
    );
  }
  return {
    name: own,
    extras,
    specifier: "",
    url: wheel.url,
    ...(marker !== undefined && { marker }),
    // Its source's was checked, where there is one.
    hashes: hashes.length > 0 ? [wheel.sha256] : [],
  };
}
