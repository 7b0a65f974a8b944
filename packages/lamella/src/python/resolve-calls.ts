import path from "node:path";
import { fileURLToPath } from "node:url";
import pLimit from "p-limit";
import { ProjectError } from "../image/error.ts";
import { buildRequirements, buildsAtOnce } from "./build-requirements.ts";
import type { Lock, LockedPackage } from "./lock.ts";
import { readIndexSettings, withCallSettings } from "./package-index/settings.ts";
import { withPoetryPins } from "./poetry-calls.ts";
import { type ProjectPackage, projectPackages } from "./project-packages.ts";
import type { Requirement } from "./requirements.ts";
import { NoWheelError } from "./resolution-error.ts";
import { resolve } from "./resolve.ts";
import {
  asksForPackages,
  describeTarget,
  type ResolveCall,
  type ResolveOptions,
} from "./resolve-options.ts";
import type { SourceBuilder } from "./source-builder.ts";
import { chooseWheel } from "./tags.ts";
import { findUv } from "./uv.ts";
import { parseWheelFilename } from "./wheel-filename.ts";

/** A package of a project's lock, and the call that brings it. */
interface Wanted extends ProjectPackage {
  readonly call: number;
}

/**
 * {@link resolve}, for calls of which some have a lock of their own: what that says is taken as it is, with neither
 * resolver nor network, and what the other calls ask for is resolved around it. Raises what `resolve` and building raise,
 * and ProjectError for a lock that cannot be used, or two that contradict each other.
 */
export async function resolveCalls(asked: ResolveOptions): Promise<Lock> {
  const options = { ...asked, calls: asked.calls.map((call) => withPoetryPins(call, asked)) };
  const { calls, python, platform, libc } = options;
  const wanted = wantedPackages(calls, options);
  const others = calls.map((call) => ({ ...call, project: undefined }));
  if (calls.every(({ project }) => project === undefined)) return await resolve(options);
  const builder = sourceBuilder(options);
  const limit = pLimit(buildsAtOnce);
  const locked = await Promise.all(
    [...wanted.values()].map((one) => lockedPackage(one, options, builder, limit)),
  );
  const rest = others.some(asksForPackages)
    ? await resolve({ ...options, calls: around(locked, others) })
    : undefined;
  const callOf = new Map(rest?.packages.map(({ name, call }) => [name, call]));
  const packages = [
    ...(rest?.packages ?? []).filter(({ name }) => !wanted.has(name)),
    ...locked.map((one) => ({
      ...one,
      call: Math.min(one.call, callOf.get(one.name) ?? one.call),
    })),
  ];
  return {
    python,
    platform,
    libc,
    packages: packages.sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** What the projects bring, by name. What several bring alike belongs to the first. */
function wantedPackages(
  calls: readonly ResolveCall[],
  options: ResolveOptions,
): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const [call, { project }] of calls.entries()) {
    for (const one of project === undefined ? [] : projectPackages(project, options)) {
      const before = wanted.get(one.name);
      if (before && !isSame(before, one)) {
        throw new ProjectError(
          `Two projects of the image have ${one.name} locked differently: ${shown(before)} and ${shown(one)}.`,
          "Make them members of one workspace, with one lock, or give each an image of its own.",
        );
      }
      if (!before) wanted.set(one.name, { ...one, call });
    }
  }
  return wanted;
}

function isSame(a: ProjectPackage, b: ProjectPackage): boolean {
  return a.version === b.version && shown(a) === shown(b);
}

/** Its version, or where it is built from. */
function shown({ version, source }: ProjectPackage): string {
  if (source === undefined) return version ?? "?";
  return source.source.kind === "folder" ? source.source.path : source.source.url;
}

async function lockedPackage(
  one: Wanted,
  options: ResolveOptions,
  builder: () => Promise<SourceBuilder | undefined>,
  limit: <T>(task: () => Promise<T>) => Promise<T>,
): Promise<LockedPackage> {
  const { name, version, call, wheels, sdist, isDirect, source } = one;
  if (source) {
    const call0 = { requirements: [], sources: [source] };
    const { calls, built } = await limit(async () =>
      buildRequirements({ ...options, calls: [call0] }, await builder()),
    );
    const [[sha256, exact] = []] = built;
    const url = calls[0]?.requirements[0]?.url;
    if (sha256 === undefined || exact === undefined || url === undefined) {
      throw new RangeError(`Nothing was built of ${name}.`);
    }
    const filename = path.basename(fileURLToPath(url));
    const wheel = { filename, url, sha256 };
    return {
      name,
      version: version ?? parseWheelFilename(filename).version.replaceAll("_", "-"),
      call,
      wheel,
      source: exact,
    };
  }
  const wheel = chooseWheel(wheels, options);
  if (wheel && version !== undefined) {
    return { name, version, call, wheel, ...(isDirect && { directUrl: wheel.url }) };
  }
  const place = sdist && version !== undefined ? await builder() : undefined;
  if (!place || !sdist || version === undefined) {
    throw new NoWheelError(
      name,
      `${name} ${version ?? ""} has no wheel for ${describeTarget(options)} in the project's lock.`,
      "Lock a version of it that has one, or use another Python version or a base with a newer C library.",
    );
  }
  const built = await limit(() => place.build({ name, version, file: sdist }));
  return { name, version, call, wheel: built, source: { kind: "sdist", file: sdist } };
}

function sourceBuilder(options: ResolveOptions): () => Promise<SourceBuilder | undefined> {
  let opened: Promise<SourceBuilder | undefined> | undefined;
  const { calls, env, indexes, store, signal, onInstallUv, sources } = options;
  const open = async (): Promise<SourceBuilder | undefined> => {
    const machine = indexes ?? (await readIndexSettings({ env }));
    const settings = withCallSettings(machine, calls, env);
    return await sources?.({
      settings,
      uv: () => findUv({ store, env, signal, onInstall: onInstallUv }),
    });
  };
  return () => (opened ??= open());
}

/** The other calls, which may not have what is locked in another version. */
function around(
  locked: readonly LockedPackage[],
  calls: readonly ResolveCall[],
): readonly ResolveCall[] {
  const constraints = locked.map(
    ({ name, version, wheel, source, directUrl }): Requirement => ({
      name,
      extras: [],
      hashes: [],
      // What is in no index is known by its address.
      ...(source === undefined && directUrl === undefined
        ? { specifier: `==${version}` }
        : { specifier: "", url: wheel.url }),
    }),
  );
  return calls.map((call) =>
    asksForPackages(call)
      ? { ...call, constraints: [...(call.constraints ?? []), ...constraints] }
      : call,
  );
}
