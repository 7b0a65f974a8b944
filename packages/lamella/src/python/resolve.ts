import path from "node:path";
import { fileURLToPath } from "node:url";
import { valid as isVersion } from "@renovatebot/pep440";
import pLimit from "p-limit";
import { buildRequirements, buildsAtOnce } from "./build-requirements.ts";
import { normalizeName } from "./distribution-name.ts";
import { comesFromFolders } from "./folder-wheels.ts";
import { sourceFromPylock } from "./lock/source-row.ts";
import { wheelFromPylock } from "./lock/wheel-row.ts";
import { type Lock, type LockedPackage, parseLock, type WheelFile } from "./lock.ts";
import {
  type IndexSettings,
  readIndexSettings,
  withCallSettings,
} from "./package-index/settings.ts";
import type { ExactSource } from "./package-source.ts";
import type { Pylock, PylockPackage } from "./pylock.ts";
import { NoWheelError, UvFailedError, WheelHashError } from "./resolution-error.ts";
import { resolutionKey } from "./resolution-key.ts";
import {
  asksForPackages,
  describeTarget,
  type InstalledDistribution,
  type ResolveCall,
  type ResolveOptions,
} from "./resolve-options.ts";
import type { SourceBuilder } from "./source-builder.ts";
import { chooseWheel } from "./tags.ts";
import { findUv } from "./uv.ts";
import { type Compile, readablePaths, uvCompile } from "./uv-compile.ts";

/**
 * Finds the exact wheels for requirements: one Python minor version, one platform. uv decides on versions, we on the
 * wheel of each. The answer is kept in the store and given again to the same request until `upgrade`.
 *
 * Nothing of a package runs on this machine: uv gets lists that were generated from parsed requirements (no option lines, no editables,
 * no folders), `--no-build`, no configuration, an empty folder and a cleaned environment. What has no usable wheel is
 * built by `sources`, in the sandbox that it is: then uv resolves there too, for it may have to ask a build for metadata.
 * Without `sources` it is an error. What a requirement names as source is built there first, and then is a wheel.
 *
 * `uv pip compile` and not `uv lock`, because it takes any interpreter (`uv lock` wants one of the very minor version),
 * judges markers for exactly one environment, and gives every wheel that fits with its hash; it takes direct URLs and
 * folders of wheels alike. With `--python-version` it does not need that version to be there.
 *
 * Raises UnknownPackageError, NoMatchingVersionError, NoWheelError, ResolutionConflictError, IndexUnreachableError,
 * IndexUnauthorizedError, WheelNotFoundError, WheelHashError, PackageBuildError,
 * RepositoryError, UvUnavailableError, UvFailedError, IndexSettingsError.
 */
export async function resolve(options: ResolveOptions): Promise<Lock> {
  const { calls, python, platform, libc, store, env, signal } = options;
  if (!calls.some(asksForPackages)) {
    return { python, platform, libc, packages: [] };
  }
  const machine = options.indexes ?? (await readIndexSettings({ env }));
  const settings = withCallSettings(machine, calls, env);
  const key = await resolutionKey(options, settings, preferencesOf({ ...options, upgrade: false }));
  if (!options.upgrade) {
    const remembered = await store.memos.get("resolution", key, parseLock);
    if (remembered) return remembered;
  }

  const uv = once(() => findUv({ store, env, signal, onInstall: options.onInstallUv }));
  const builder = once(async () => await options.sources?.({ settings, uv }));
  if (calls.some(({ sources = [], noBinary = [] }) => sources.length + noBinary.length > 0)) {
    return await resolveWithSources(uv, options, settings, await builder(), key);
  }
  try {
    const lock = await resolveAnew(await uv(), options, settings);
    await store.memos.put("resolution", key, lock);
    return lock;
  } catch (error) {
    const isBuildable = error instanceof NoWheelError && !comesFromFolders(settings, calls);
    if (!isBuildable || !options.sources) throw error;
    return await resolveWithSources(uv, options, settings, await builder(), key);
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** The answer with wheels that were built. It is given again for as long as those are there. */
async function resolveWithSources(
  uv: () => Promise<string>,
  options: ResolveOptions,
  settings: IndexSettings,
  builder: SourceBuilder | undefined,
  key: string,
): Promise<Lock> {
  const { memos } = options.store;
  const ownKey = JSON.stringify([key, builder?.environment]);
  const remembered = options.upgrade ? undefined : await memos.get("resolution", ownKey, parseLock);
  if (remembered && (await hasBuiltWheels(remembered, options))) return remembered;
  const { calls, built } = await buildRequirements(options, builder);
  const named = { ...options, calls };
  const inSandbox = async (): Promise<Lock> =>
    await resolveAnew(await uv(), named, settings, builder);
  // uv names no sources where it may not build.
  const wantsSources = calls.some(({ noBinary = [] }) => noBinary.length > 0);
  const resolved =
    built.size === 0 || wantsSources
      ? await inSandbox()
      : await resolveAnew(await uv(), named, settings).catch((error: unknown) => {
          if (!(error instanceof NoWheelError) || !builder) throw error;
          return inSandbox();
        });
  const lock = {
    ...resolved,
    packages: resolved.packages.map((entry) => withSource(entry, built)),
  };
  checkAddresses(lock, readablePaths(settings, options.calls));
  await memos.put("resolution", ownKey, lock);
  return lock;
}

/** A wheel that was built for a requirement has no address that anybody asked for. */
function withSource(
  { directUrl, ...entry }: LockedPackage,
  built: ReadonlyMap<string, ExactSource>,
): LockedPackage {
  const source = directUrl === undefined ? undefined : built.get(entry.wheel.sha256);
  if (source) return { ...entry, source };
  return { ...entry, ...(directUrl !== undefined && { directUrl }) };
}

async function hasBuiltWheels(
  { packages }: Lock,
  { store, signal }: ResolveOptions,
): Promise<boolean> {
  const built = packages.filter(({ source }) => source !== undefined);
  const there = await Promise.all(
    built.map(({ wheel }) => store.claimFolder(path.dirname(fileURLToPath(wheel.url)), { signal })),
  );
  return there.every((isThere) => isThere);
}

async function resolveAnew(
  uv: string,
  options: ResolveOptions,
  settings: IndexSettings,
  builder?: SourceBuilder,
): Promise<Lock> {
  const { calls, python, platform, libc, store } = options;
  await using scratch = await store.scratch("resolve");
  const compile = await uvCompile(uv, options, settings, scratch.path, builder);
  const document = await compile("all", calls, preferencesOf(options), options.upgrade === true);
  const limit = pLimit(buildsAtOnce);
  const rows = await Promise.all(
    document.packages.map(async (row) => ({
      row,
      ...(await limit(() => lockedFile(row, options, builder))),
    })),
  );
  const callOf = await callsOf(calls, document, compile);
  const packages = rows
    .map(
      ({ row, wheel, version, direct, source }): LockedPackage => ({
        name: row.name,
        version,
        call: callOf.get(row.name) ?? calls.length - 1,
        wheel,
        ...(direct && { directUrl: wheel.url }),
        ...(source && { source }),
      }),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const lock: Lock = { python, platform, libc, packages };
  checkRequiredHashes(lock, calls);
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
        if (!prefix.some(asksForPackages)) return undefined;
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

interface LockedFile {
  readonly wheel: WheelFile;
  readonly version: string;
  readonly direct: boolean;
  readonly source?: ExactSource;
}

/** The row's wheel; one that is built of its source distribution where it has none that fits. */
async function lockedFile(
  row: PylockPackage,
  options: ResolveOptions,
  builder: SourceBuilder | undefined,
): Promise<LockedFile> {
  try {
    if (isNotBinary(row, options)) throw noWheelTaken(row);
    return lockedWheel(row, options);
  } catch (error) {
    const { name, version, sdist } = row;
    if (!(error instanceof NoWheelError) || !builder || !sdist || version === undefined)
      throw error;
    const file = parsed(row, () => sourceFromPylock(sdist));
    const hashes = acceptedHashes(row, options);
    if (hashes.length > 0 && !hashes.includes(file.sha256)) {
      throw new WheelHashError(
        `The source of ${name} ${version} has a hash that its requirement does not accept.`,
        "Update the --hash values of the requirement, or find out who changed the package.",
        { cause: error },
      );
    }
    const wheel = await builder.build({ name, version, file });
    return { wheel, version, direct: false, source: { kind: "sdist", file } };
  }
}

/** Whether `--no-binary` says that a package's wheels are not to be taken; one that is named by its address is. */
function isNotBinary({ name, archive }: PylockPackage, { calls }: ResolveOptions): boolean {
  if (archive) return false;
  return calls.some(({ noBinary = [] }) => noBinary.includes(name) || noBinary.includes(":all:"));
}

function noWheelTaken({ name, version = "" }: PylockPackage): NoWheelError {
  return new NoWheelError(
    name,
    `${name} ${version} is to be built from source (--no-binary), and no source of it is published, or none can be built here.`,
    "Take it out of --no-binary, or ask for a version that is published as source.",
  );
}

/** What packages brought has run where parts of this answer come from: it may not lead to files of this machine. */
function checkAddresses({ packages }: Lock, readable: readonly string[]): void {
  for (const { name, wheel, source } of packages) {
    if (source || !wheel.url.startsWith("file:")) continue;
    const place = fileURLToPath(wheel.url);
    if (readable.some((one) => place === one || path.dirname(place) === one)) continue;
    throw new UvFailedError(
      `The resolution with builds from source gave ${name} the file ${place}, which nobody asked for.`,
      "Find out what the packages that are built from source do.",
    );
  }
}

function acceptedHashes({ name }: PylockPackage, { calls }: ResolveOptions): readonly string[] {
  return calls
    .flatMap((call) => [...call.requirements, ...(call.constraints ?? [])])
    .flatMap((requirement) => (requirement.name === name ? requirement.hashes : []));
}

/** What an index says of a file. Raises UvFailedError for what cannot be used. */
function parsed<T>({ name, version }: PylockPackage, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UvFailedError(
      `The package index's answer about ${name} ${version} cannot be used: ${(error as Error).message}.`,
      "An index has to give SHA-256 hashes of its files, and addresses that end in their names.",
      { cause: error },
    );
  }
}

function lockedWheel(row: PylockPackage, options: ResolveOptions): LockedFile {
  const target = describeTarget(options);
  const hashes = acceptedHashes(row, options);
  const files = row.archive ? [row.archive] : row.wheels;
  if (files.length === 0 || row.version === undefined) {
    throw new NoWheelError(
      row.name,
      `${row.name} ${row.version ?? ""} has no wheel for ${target}: what was found has to be built from source.`,
      "Ask for a version that has wheels, or build a wheel of it yourself (pip wheel) and name the .whl file.",
    );
  }
  const wheels = parsed(row, () => files.map((file) => wheelFromPylock(file, "/")));
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
        hashHint(entry),
      );
    }
  }
}

function hashHint({ name, version, wheel, source }: LockedPackage): string {
  if (source?.kind === "repository" || source?.kind === "folder") {
    return `A ${source.kind} has no hash: put it into another call, whose requirements have none.`;
  }
  const { sha256 } = source?.file ?? wheel;
  return `Add it to the requirements with its hash: ${name}==${version} --hash=sha256:${sha256}`;
}

function preferencesOf(options: ResolveOptions): InstalledDistribution[] {
  const versions = new Map<string, string>();
  for (const { name, version } of options.installed ?? [])
    versions.set(normalizeName(name), version);
  const { packages = [], unbuilt = [] } = options.preferences ?? {};
  for (const { name, version } of options.upgrade ? [] : [...packages, ...unbuilt]) {
    versions.set(normalizeName(name), version);
  }
  return [...versions]
    .filter(([, version]) => isVersion(version) !== null)
    .map(([name, version]) => ({ name, version }));
}
