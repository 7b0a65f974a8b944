import { valid as isVersion } from "@renovatebot/pep440";
import pLimit from "p-limit";
import { normalizeName } from "./distribution-name.ts";
import { wheelFromPylock } from "./lock/wheel-row.ts";
import { type Lock, type LockedPackage, parseLock, type WheelFile } from "./lock.ts";
import { readIndexSettings, withCallSettings } from "./package-index/settings.ts";
import type { Pylock, PylockPackage } from "./pylock.ts";
import { NoWheelError, UvFailedError, WheelHashError } from "./resolution-error.ts";
import { resolutionKey } from "./resolution-key.ts";
import {
  describeTarget,
  type InstalledDistribution,
  type ResolveCall,
  type ResolveOptions,
} from "./resolve-options.ts";
import { chooseWheel } from "./tags.ts";
import { findUv } from "./uv.ts";
import { type Compile, uvCompile } from "./uv-compile.ts";

/**
 * Finds the exact wheels for requirements: one Python minor version, one platform. uv decides on versions, we on the
 * wheel of each. The answer is kept in the store and given again to the same request until `upgrade`.
 *
 * Nothing of a package runs: uv gets lists that were generated from parsed requirements (no option lines, no editables,
 * no folders), `--no-build`, no configuration, an empty folder and a cleaned environment. What has no usable wheel is
 * an error.
 *
 * `uv pip compile` and not `uv lock`, because it takes any interpreter (`uv lock` wants one of the very minor version),
 * judges markers for exactly one environment, and gives every wheel that fits with its hash; it takes direct URLs and
 * folders of wheels alike. With `--python-version` it does not need that version to be there.
 *
 * Raises UnknownPackageError, NoMatchingVersionError, NoWheelError, ResolutionConflictError, IndexUnreachableError,
 * IndexUnauthorizedError, WheelNotFoundError, WheelHashError, UvUnavailableError, UvFailedError, IndexSettingsError.
 */
export async function resolve(options: ResolveOptions): Promise<Lock> {
  const { calls, python, platform, libc, store, env, signal } = options;
  if (calls.every((call) => call.requirements.length === 0)) {
    return { python, platform, libc, packages: [] };
  }
  const machine = options.indexes ?? (await readIndexSettings({ env }));
  const settings = withCallSettings(machine, calls, env);
  const key = await resolutionKey(options, settings, preferencesOf({ ...options, upgrade: false }));
  if (!options.upgrade) {
    const remembered = await store.memos.get("resolution", key, parseLock);
    if (remembered) return remembered;
  }

  const uv = await findUv({ store, env, signal, onInstall: options.onInstallUv });
  await using scratch = await store.scratch("resolve");
  const compile = await uvCompile(uv, options, settings, scratch.path);
  const document = await compile("all", calls, preferencesOf(options), options.upgrade === true);
  const rows = document.packages.map((row) => ({ row, ...lockedWheel(row, options) }));
  const callOf = await callsOf(calls, document, compile);
  const packages = rows
    .map(
      ({ row, wheel, version, direct }): LockedPackage => ({
        name: row.name,
        version,
        call: callOf.get(row.name) ?? calls.length - 1,
        wheel,
        ...(direct && { directUrl: wheel.url }),
      }),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const lock: Lock = { python, platform, libc, packages };
  checkRequiredHashes(lock, calls);
  await store.memos.put("resolution", key, lock);
  return lock;
}

/**
 * The first call that needs each package: what the calls up to it resolve to, by themselves, with the versions of the
 * whole. With one call there is nothing to find out; each further one costs a run of uv on metadata that it has just
 * cached.
 */
async function callsOf(
  calls: readonly ResolveCall[],
  whole: Pylock,
  compile: Compile,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  const versions = whole.packages.flatMap(({ name, version }) =>
    version === undefined ? [] : [{ name, version }],
  );
  const limit = pLimit(2);
  const prefixes = await Promise.all(
    calls.slice(0, -1).map((_, index) =>
      limit(async () => {
        const prefix = calls.slice(0, index + 1);
        if (prefix.every((call) => call.requirements.length === 0)) return undefined;
        return await compile(`calls-${index + 1}`, prefix, versions, false, true).catch(
          async () => await compile(`calls-${index + 1}`, prefix, versions),
        );
      }),
    ),
  );
  for (const [index, prefix] of prefixes.entries()) {
    for (const { name } of prefix?.packages ?? []) {
      if (!found.has(name)) found.set(name, index);
    }
  }
  return found;
}

function lockedWheel(
  row: PylockPackage,
  options: ResolveOptions,
): { wheel: WheelFile; version: string; direct: boolean } {
  const target = describeTarget(options);
  const named = options.calls
    .flatMap((call) => [...call.requirements, ...(call.constraints ?? [])])
    .filter((requirement) => requirement.name === row.name);
  const hashes = named.flatMap((requirement) => requirement.hashes);
  const files = row.archive ? [row.archive] : row.wheels;
  if (files.length === 0 || row.version === undefined) {
    throw new NoWheelError(
      row.name,
      `${row.name} ${row.version ?? ""} has no wheel for ${target}: what was found has to be built from source.`,
      "Ask for a version that has wheels, or build a wheel of it yourself (pip wheel) and name the .whl file; Lamella cannot build from source yet.",
    );
  }
  let wheels: WheelFile[];
  try {
    wheels = files.map((file) => wheelFromPylock(file, "/"));
  } catch (error) {
    throw new UvFailedError(
      `The package index's answer about ${row.name} ${row.version} cannot be used: ${(error as Error).message}.`,
      "An index has to give SHA-256 hashes of its wheels, and addresses that end in their names.",
      { cause: error },
    );
  }
  const accepted =
    hashes.length === 0 ? wheels : wheels.filter((wheel) => hashes.includes(wheel.sha256));
  if (accepted.length === 0) {
    throw new WheelHashError(
      `No wheel of ${row.name} ${row.version} has a hash that its requirement accepts.`,
      "Update the --hash values of the requirement, or find out who changed the package.",
    );
  }
  // Of two copies of one file, that in a folder of this machine needs no download.
  const localFirst = accepted.toSorted(
    (a, b) => Number(b.url.startsWith("file:")) - Number(a.url.startsWith("file:")),
  );
  const wheel = chooseWheel(localFirst, options);
  if (wheel === undefined) {
    throw new NoWheelError(
      row.name,
      `${row.name} ${row.version} has no wheel for ${target}: there is ${accepted
        .slice(0, 5)
        .map((one) => one.filename)
        .join(", ")}.`,
      "Ask for another version of it, or use another Python version or a base with a newer C library.",
    );
  }
  return { wheel, version: row.version, direct: row.archive !== undefined };
}

/** pip, "Hash-checking mode": one hash in a list asks for hashes of all that the list brings in. */
function checkRequiredHashes(lock: Lock, calls: readonly ResolveCall[]): void {
  for (const entry of lock.packages) {
    const call = calls[entry.call];
    const required =
      call?.requireHashes === true || call?.requirements.some(({ hashes }) => hashes.length > 0);
    if (!required) continue;
    const named = calls.some((one) =>
      one.requirements.some(({ name, hashes }) => name === entry.name && hashes.length > 0),
    );
    if (!named) {
      throw new WheelHashError(
        `${entry.name} ${entry.version} is installed with packages whose hashes are required, and has none itself.`,
        `Add it to the requirements with its hash: ${entry.name}==${entry.version} --hash=sha256:${entry.wheel.sha256}`,
      );
    }
  }
}

function preferencesOf(options: ResolveOptions): InstalledDistribution[] {
  const versions = new Map<string, string>();
  for (const { name, version } of options.installed ?? [])
    versions.set(normalizeName(name), version);
  for (const { name, version } of options.upgrade ? [] : (options.preferences?.packages ?? [])) {
    versions.set(normalizeName(name), version);
  }
  return [...versions]
    .filter(([, version]) => isVersion(version) !== null)
    .map(([name, version]) => ({ name, version }));
}
