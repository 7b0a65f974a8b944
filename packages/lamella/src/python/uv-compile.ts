import { mkdtemp, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { readRegularFile } from "../files/regular-file.ts";
import { comesFromFolders, rowsFromFolders, versionLines } from "./folder-wheels.ts";
import type { LockSource } from "./lock/invalid-lock.ts";
import type { IndexSettings } from "./package-index/settings.ts";
import { type ProcessResult, run } from "./process.ts";
import { programAnswer } from "./program-answer.ts";
import { formatPylock, type Pylock, parsePylock } from "./pylock.ts";
import { formatRequirement, type Requirement } from "./requirements.ts";
import { UvFailedError } from "./resolution-error.ts";
import {
  describeTarget,
  type InstalledDistribution,
  type ResolveCall,
  type ResolveOptions,
} from "./resolve-options.ts";
import { machineName } from "./tags.ts";
import { uvEnvironment } from "./uv.ts";
import { explainUvFailure } from "./uv-failure.ts";

/**
 * Runs `uv pip compile` on some calls. `name` names its files in the scratch folder; `preferences` are versions to keep
 * where they fit. Raises what {@link explainUvFailure} makes of a failure.
 */
export type Compile = (
  name: string,
  calls: readonly ResolveCall[],
  preferences: readonly InstalledDistribution[],
  refresh?: boolean,
  offline?: boolean,
) => Promise<Pylock>;

const tooOldOrNew = "It is too old or too new: remove it from PATH, and Lamella installs its own.";

/** Where uv is run in another place than on this machine itself: there it may build, and so run what packages bring. */
export interface UvPlace {
  /** The place's own Python: absolute path there. */
  readonly interpreter: string;
  /**
   * Runs uv where nothing of this machine is to be written but a folder, and nothing else to be read but `readable`: paths
   * are the same there.
   */
  run(args: readonly string[], folder: string, readable: readonly string[]): Promise<ProcessResult>;
}

/** Longest answer that is read, in bytes. */
const longestAnswer = 64 * 1024 * 1024;

/** Prepares everything that is the same for each run of uv, and gives the function that runs it. */
export async function uvCompile(
  uv: string,
  options: ResolveOptions,
  settings: IndexSettings,
  scratch: string,
  place?: UvPlace,
): Promise<Compile> {
  const { python, store, env, signal } = options;
  const environment = uvEnvironment(env, settings);
  const target = describeTarget(options);
  const interpreter = place?.interpreter ?? options.interpreter;
  const fromFolders = comesFromFolders(settings, options.calls);
  await store.claimFolder(store.path("uv-cache"), { signal });
  const { memos } = store;
  const about = { memos, env: environment, signal };
  const help = (await programAnswer(uv, ["pip", "compile", "--help"], about)) ?? "";
  const shared = [
    "pip",
    "compile",
    "--quiet",
    "--no-progress",
    "--color=never",
    "--no-config",
    ...(place ? [] : ["--no-build"]),
    "--no-header",
    ...(fromFolders ? ["--no-annotate"] : ["--format=pylock.toml"]),
    `--python-version=${options.pythonFullVersion ?? python}`,
    `--python-platform=${uvPlatform(uv, help, options)}`,
    ...(interpreter === undefined ? [] : [`--python=${interpreter}`]),
    ...(settings.noIndex ? ["--no-index"] : []),
  ];
  return async (name, calls, preferences, refresh = false, offline = false) => {
    // A new one for each run: what is built in the other place could have left links in it.
    const folder = await mkdtemp(path.join(scratch, `${name}-`));
    const requirements = path.join(folder, `${name}.in`);
    const constraints = path.join(folder, `${name}.constraints`);
    // uv keeps to the versions that it finds in its output file.
    const output = path.join(folder, fromFolders ? `${name}.txt` : `pylock.${name}.toml`);
    const preferred = fromFolders ? versionLines(preferences) : preferenceDocument(preferences);
    await Promise.all([
      writeFile(
        requirements,
        lines(calls.flatMap((call) => call.requirements.map(formatRequirement))),
      ),
      writeFile(
        constraints,
        lines(calls.flatMap((call) => (call.constraints ?? []).map(formatConstraint))),
      ),
      preferences.length > 0 ? writeFile(output, preferred) : undefined,
    ]);
    const args = [
      ...shared,
      // What a package's own code may write to is nobody else's.
      `--cache-dir=${place ? path.join(folder, "cache") : store.path("uv-cache")}`,
      ...(refresh ? ["--refresh"] : []),
      ...(offline && !place ? ["--offline"] : []),
      ...preReleaseArguments(calls, help),
      `--constraints=${constraints}`,
      `--output-file=${output}`,
      requirements,
    ];
    const result = place
      ? await place.run(args, folder, readablePaths(settings, calls))
      : await run(uv, args, { cwd: folder, env: environment, signal });
    if (result.code !== 0) throw explainUvFailure(result.stderr, target);
    const answer = (await readRegularFile(output, longestAnswer)).toString("utf8");
    if (fromFolders) return await rowsFromFolders(answer, settings, options);
    return parseAnswer(uv, { path: output, text: answer });
  };
}

/** What uv reads on this machine beside its requirements: folders of wheels, and wheels that are named. */
export function readablePaths(
  { findLinks }: IndexSettings,
  calls: readonly ResolveCall[],
): readonly string[] {
  const named = calls.flatMap((call) => [...call.requirements, ...(call.constraints ?? [])]);
  const urls = [...findLinks, ...named].flatMap(({ url }) =>
    url?.startsWith("file:") ? [fileURLToPath(url)] : [],
  );
  return [...new Set(urls)];
}

function parseAnswer(uv: string, answer: LockSource): Pylock {
  try {
    return parsePylock(answer);
  } catch (error) {
    throw new UvFailedError(
      `What ${uv} answers cannot be read. ${(error as Error).message}`,
      tooOldOrNew,
      { cause: error },
    );
  }
}

/**
 * uv knows a list of platforms that grows with its versions, and refuses others: the newest glibc of the list that is
 * not newer than the base's. Wheels for a newer one than that are lost (uv 0.13 knows up to 2.40); none for an older
 * one are won, since each glibc loads what was built for older ones.
 */
function uvPlatform(uv: string, help: string, { platform, libc }: ResolveOptions): string {
  const machine = machineName(platform);
  if (libc.kind === "musl") return `${machine}-unknown-linux-musl`;
  const known = [...help.matchAll(new RegExp(`\\b${machine}-manylinux_2_(\\d+)\\b`, "g"))]
    .map((match) => Number(match[1]))
    .sort((a, b) => a - b);
  const [oldest] = known;
  if (oldest === undefined) {
    throw new UvFailedError(`${uv} does not say which platforms it resolves for.`, tooOldOrNew);
  }
  // Below the oldest, uv's choice of version may have no wheel that fits; ranking says so then.
  const fitting = known.findLast((minor) => minor <= libc.minor) ?? oldest;
  return `${machine}-manylinux_2_${fitting}`;
}

/** Pre-releases for what the calls with `pre` name; an older uv knows only all packages or none. */
function preReleaseArguments(calls: readonly ResolveCall[], help: string): string[] {
  const names = new Set(
    calls.flatMap((call) => (call.pre ? call.requirements.map(({ name }) => name) : [])),
  );
  if (names.size === 0) return [];
  if (!help.includes("--prerelease-package")) return ["--prerelease=allow"];
  return [...names].map((name) => `--prerelease-package=${name}=allow`);
}

/** A constraint may not name extras (pip documentation, "Constraints Files"). */
function formatConstraint(constraint: Requirement): string {
  return formatRequirement({ ...constraint, extras: [] });
}

function lines(list: readonly string[]): string {
  return list.map((line) => `${line}\n`).join("");
}

function preferenceDocument(preferences: readonly InstalledDistribution[]): string {
  return formatPylock({
    environments: [],
    packages: preferences.map((one) => ({ ...one, wheels: [] })),
  });
}
