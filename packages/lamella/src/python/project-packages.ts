import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { IgnoreRules } from "../files/ignore.ts";
import {
  isFolderSource,
  lockProblem,
  type UvFile,
  type UvLock,
  type UvPackage,
} from "../image/project/uv-lock.ts";
import { type LockedProject, packageFolder } from "../image/project/uv-project.ts";
import { selectPackages } from "../image/project/uv-selection.ts";
import { markerEnvironment, markerHolds } from "./evaluate-marker.ts";
import { sourceFromPylock } from "./lock/source-row.ts";
import { wheelFromPylock } from "./lock/wheel-row.ts";
import type { SourceFile, WheelFile } from "./lock.ts";
import type { PylockFile } from "./pylock.ts";
import { parseAnyRequirement, type SourceRequirement } from "./requirements.ts";
import type { ResolveOptions } from "./resolve-options.ts";

/** What a call asks for that has a lock of its own. */
export interface ProjectCall extends LockedProject {
  /** What is left out of a folder of which a wheel is built. */
  readonly ignore: (folder: string) => IgnoreRules;
  /** Of all that decides what the lock installs, apart from the content of folders. */
  readonly digest: string;
}

/** A package that is to be installed, in exactly one version. */
export interface ProjectPackage {
  /** Normalized. */
  readonly name: string;
  readonly version?: string;
  readonly wheels: readonly WheelFile[];
  readonly sdist?: SourceFile;
  /** Whether the project named the address of its wheel. */
  readonly isDirect: boolean;
  /** What has to be built in any case. */
  readonly source?: SourceRequirement;
}

/** What a project's lock installs into an environment. Raises ProjectError for a lock that cannot be used. */
export function projectPackages(
  { lock, selection, ignore }: ProjectCall,
  target: Pick<ResolveOptions, "python" | "platform" | "pythonFullVersion">,
): readonly ProjectPackage[] {
  const environment = markerEnvironment(target, target.pythonFullVersion);
  const holds = (marker: string, extras: ReadonlySet<string>): boolean => {
    try {
      return markerHolds(marker, environment, extras);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw lockProblem(lock, error.message, again);
    }
  };
  const { requiresPython } = lock;
  if (requiresPython !== undefined && !fits(requiresPython, environment, holds)) {
    throw lockProblem(
      lock,
      `it is for Python ${requiresPython}, and the image has ${environment["python_full_version"]}`,
      'Give the image another Python, { pythonVersion: "X.Y" }, or change requires-python and lock anew: uv lock.',
    );
  }
  const packages = selectPackages(lock, selection, holds)
    .filter(({ isInstalled }) => isInstalled)
    .map((one) => projectPackage(one.package, lock, ignore));
  for (const [index, { name }] of packages.entries()) {
    if (packages[index + 1]?.name === name) {
      throw lockProblem(lock, `it has ${name} in several versions for one environment`, again);
    }
  }
  return packages;
}

const again = "Write it anew: uv lock.";

/** `>=3.11, <4` as the marker that it is. */
function fits(
  specifier: string,
  environment: Readonly<Record<string, string>>,
  holds: (marker: string, extras: ReadonlySet<string>) => boolean,
): boolean {
  // A bound on a patch release says something about a base whose patch release is known.
  return specifier
    .split(",")
    .map((clause) => /^\s*([<>=!~]+)\s*(.+?)\s*$/.exec(clause))
    .every((clause) => {
      if (!clause || environment["python_full_version"] === undefined) return true;
      const [, operator, version] = clause;
      return holds(`python_full_version ${operator} '${version}'`, new Set());
    });
}

function projectPackage(
  one: UvPackage,
  lock: UvLock,
  ignore: ProjectCall["ignore"],
): ProjectPackage {
  const { name, version, source } = one;
  const base = { name, ...(version !== undefined && { version }), wheels: [], isDirect: false };
  const origin = { where: lock.file, directory: path.dirname(lock.file) };
  if (isFolderSource(source)) {
    const folder = packageFolder(lock, one);
    return {
      ...base,
      source: {
        name,
        extras: [],
        hashes: [],
        source: { kind: "folder", path: folder, ignore: ignore(folder) },
      },
    };
  }
  if (source.kind === "git") return { ...base, source: repository(one, lock) };
  const wheels = one.wheels.map((file) => readable(one, lock, () => wheel(file, one, lock)));
  const isDirect = source.kind === "url" || source.kind === "path";
  if (isDirect && wheels.length === 0) {
    // An archive, which is built whatever there is besides.
    const at =
      source.kind === "url"
        ? source.at
        : pathToFileURL(path.resolve(origin.directory, source.at)).href;
    const hash = one.sdist?.hash?.replace(":", "=");
    const text = `${name} @ ${at}${hash === undefined ? "" : `#${hash}`}`;
    const requirement = parseAnyRequirement(text, origin);
    if ("source" in requirement) return { ...base, source: requirement };
  }
  const { sdist } = one;
  return {
    ...base,
    wheels,
    isDirect,
    ...(sdist?.url !== undefined && {
      sdist: readable(one, lock, () => sourceFromPylock(pylockFile(sdist, one, lock))),
    }),
  };
}

function repository({ name, source }: UvPackage, lock: UvLock): SourceRequirement {
  const url = URL.parse(source.at);
  const commit = url?.hash.slice(1);
  if (!url || commit === undefined || commit === "") {
    throw lockProblem(lock, `the repository of ${name} has no commit`, again);
  }
  const subdirectory = url.searchParams.get("subdirectory") ?? source.subdirectory;
  url.hash = "";
  url.search = "";
  const below = subdirectory === undefined ? "" : `#subdirectory=${subdirectory}`;
  const requirement = parseAnyRequirement(`${name} @ git+${url.href}@${commit}${below}`, {
    where: lock.file,
    directory: path.dirname(lock.file),
  });
  if ("source" in requirement) return requirement;
  throw lockProblem(lock, `the repository of ${name} is none`, again);
}

function wheel(file: UvFile, one: UvPackage, lock: UvLock): WheelFile {
  return wheelFromPylock(pylockFile(file, one, lock), path.dirname(lock.file));
}

/** A file as PEP 751 has it. Where a row does not say where it is, its package does. */
function pylockFile(
  { url, path: place, filename, hash, size }: UvFile,
  { source }: UvPackage,
  lock: UvLock,
): PylockFile {
  const [algorithm = "", hex = ""] = hash?.split(":", 2) ?? [];
  const folder = path.dirname(lock.file);
  const inRegistry = source.kind === "registry" ? registryFolder(source.at, folder) : folder;
  const local =
    place !== undefined
      ? path.resolve(inRegistry, place)
      : source.kind === "path"
        ? path.resolve(folder, source.at)
        : undefined;
  const address = url ?? (source.kind === "url" ? source.at : undefined);
  return {
    ...(filename !== undefined && { name: filename }),
    ...(local === undefined ? { url: address ?? "" } : { path: local }),
    ...(size !== undefined && { size }),
    hashes: { [algorithm]: hex },
  };
}

/** A folder of wheels that is used as an index. */
function registryFolder(at: string, folder: string): string {
  if (/^file:/i.test(at)) return fileURLToPath(at);
  return /^[a-z][a-z0-9+.-]*:/i.test(at) ? folder : path.resolve(folder, at);
}

function readable<T>({ name, version = "" }: UvPackage, lock: UvLock, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw lockProblem(lock, `of ${name} ${version}: ${(error as Error).message}`, again);
  }
}
