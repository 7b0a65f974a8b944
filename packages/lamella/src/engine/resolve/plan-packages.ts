import type { Base } from "../../base/base.ts";
import { architecture } from "../../image/platform.ts";
import { WheelDownloader } from "../../python/download.ts";
import type { InstallTarget } from "../../python/install-target.ts";
import type { Lock, LockedPackage, WheelFile } from "../../python/lock.ts";
import { withCallSettings } from "../../python/package-index/settings.ts";
import { type Group, packWheels } from "../../python/packing.ts";
import type { ResolveCall } from "../../python/resolve-options.ts";
import type { OpenSourceBuilder } from "../../python/source-builder.ts";
import { isForAnyPlatform } from "../../python/wheel-filename.ts";
import { openSourceSandbox } from "../execute/source-sandbox.ts";
import type { ImageRequest } from "../image-request.ts";
import { recallStep } from "../materialize/remembered-step.ts";
import type { PlannedPackage, PlannedPython } from "../plan.ts";
import type { SecretValues } from "../secrets/find-secrets.ts";
import type { Session } from "../session.ts";
import { together } from "../together.ts";
import { type ChosenCompiler, CompilerSearch } from "./choose-compiler.ts";
import { chooseLock } from "./choose-lock.ts";
import { directUrlRecord } from "./direct-url.ts";
import type { InstallPrefix } from "./install-prefix.ts";
import { machineIndexes } from "./machine-indexes.ts";
import { isMendable } from "./mendable.ts";
import type { FoundLayers } from "./prepared-plan.ts";
import { findPythonSecrets, withIndexSecrets } from "./python-secrets.ts";
import { compiledSteps, type PythonLayers } from "./python-steps.ts";

/** This machine's architecture, as platforms name it. */
const machine = process.arch === "x64" ? "amd64" : process.arch;

/** What the packages of an image come to on one platform. */
export interface PlannedPackages {
  /** Those to install, in the lock's order: what the base has in the same version is left out. */
  readonly packages: readonly (PlannedPackage & { readonly call: number })[];
  /** Their wheels, in the same order. */
  readonly wheels: readonly WheelFile[];
  readonly downloader: WheelDownloader;
  readonly target: InstallTarget;
  readonly python: PlannedPython;
  readonly compiler?: ChosenCompiler;
  /** Which packages share a layer, by their indices, in layer order. */
  readonly groups: readonly Group[];
  readonly lock: Lock;
}

/** What lies below the packages. */
export type PackageGround = Pick<Base, "platform" | "outline"> & {
  readonly base: Base;
  /** What lies above the base; absent where it is not there yet. */
  readonly layers: FoundLayers | undefined;
};

/** Finds the packages, their sizes and the compiler of their bytecode. */
export async function planPackages(
  request: ImageRequest,
  base: PackageGround,
  prefix: InstallPrefix,
  named: readonly ResolveCall[],
  first: Lock | undefined,
  session: Session,
): Promise<PlannedPackages> {
  const { env, store, memo, signal, journal } = session;
  const secrets = (): Promise<SecretValues> => findPythonSecrets(request, session);
  const calls = await withIndexSecrets(named, secrets);
  const { target } = prefix;
  const indexes = await machineIndexes(session);
  const settings = withCallSettings(indexes, calls, env);
  const downloader = session.resources.use(
    await WheelDownloader.open({ store, env, settings, memo }),
  );
  const several = (request.platforms?.length ?? 0) > 1;
  const title = `packages for Python ${target.python}${several ? ` on ${base.platform}` : ""}`;
  return journal.task("resolve", title, async (task) => {
    const compilers = new CompilerSearch(request, base.platform, prefix, session);
    const sources = openSources(base, downloader, secrets, session);
    const question = { base, prefix, calls, indexes, compilers, sources, first };
    const lock = await chooseLock(request, question, session).catch((error: unknown) => {
      // Nothing has failed: it is asked again when it is known what the commands below leave.
      if (!base.layers && isMendable(error)) task.finish("deferred");
      throw error;
    });
    const there = new Map(base.outline.distributions.map(({ name, version }) => [name, version]));
    const missing = lock.packages.filter(({ name, version }) => there.get(name) !== version);
    const packages = await together(
      session,
      missing.map(async (locked) =>
        planPackage(locked, await downloader.size(locked.wheel, { signal })),
      ),
    );
    const groups = packWheels(
      packages.map((one) => ({ ...one, anyPlatform: isForAnyPlatform(one.wheel) })),
      request.lock?.image.platforms[base.platform]?.order,
    );
    const layers = { packages, groups, target };
    const compiler = await compilers.choose((by) =>
      isCompiled({ ...layers, compiler: by }, session),
    );
    const { length } = lock.packages;
    task.finish("done", { detail: `${length} package${length === 1 ? "" : "s"}` });
    const { python, ...where } = target;
    return {
      ...layers,
      wheels: missing.map(({ wheel }) => wheel),
      downloader,
      python: {
        version: python,
        ...where,
        ...(compiler
          ? { compiler: { version: compiler.version, cacheTag: compiler.cacheTag } }
          : {}),
      },
      ...(compiler ? { compiler } : {}),
      lock,
    };
  });
}

/** Whether all that a compiler would compile is remembered. */
async function isCompiled(layers: PythonLayers, { store }: Session): Promise<boolean> {
  const results = await Promise.all(compiledSteps(layers).map(({ key }) => recallStep(store, key)));
  return results.every((result) => result !== undefined);
}

/** What builds wheels on the base's own Python, if it has one for this machine. */
function openSources(
  { base, layers, platform, outline }: PackageGround,
  downloader: WheelDownloader,
  secrets: () => Promise<SecretValues>,
  session: Session,
): OpenSourceBuilder | undefined {
  const interpreter = outline.python;
  // uv of this machine is run in there.
  if (!layers || !interpreter || architecture(platform) !== machine) return undefined;
  const ground = { base, layers, interpreter };
  return async (options) => {
    const { steps: limits } = session.config;
    return openSourceSandbox(ground, { ...options, downloader, limits, secrets }, session);
  };
}

function planPackage(
  locked: LockedPackage,
  size: number,
): PlannedPackage & { readonly call: number } {
  const { name, version, call, wheel } = locked;
  const directUrl = directUrlRecord(locked);
  return {
    name,
    version,
    call,
    wheel: wheel.filename,
    digest: `sha256:${wheel.sha256}`,
    size,
    ...(directUrl && { directUrl }),
  };
}
