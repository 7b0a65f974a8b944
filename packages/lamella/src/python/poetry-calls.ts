import path from "node:path";
import { pathToFileURL } from "node:url";
import type { IgnoreRules } from "../files/ignore.ts";
import { ProjectError } from "../image/error.ts";
import { normalizeName } from "../image/project/normalize-name.ts";
import type { PoetryPackage } from "../image/project/poetry-lock.ts";
import { type PoetryProject, poetryPlace } from "../image/project/poetry-project.ts";
import { markerEnvironment, markerHolds } from "./evaluate-marker.ts";
import { parseAnyRequirement, type Requirement, type SourceRequirement } from "./requirements.ts";
import type { ResolveCall, ResolveOptions } from "./resolve-options.ts";

/** What a call asks for whose lock is one of Poetry. */
export interface PoetryCall {
  readonly project: PoetryProject;
  /** What is left out of a folder of which a wheel is built. */
  readonly ignore: (folder: string) => IgnoreRules;
  /** Of all that decides what the lock installs, apart from the content of folders. */
  readonly digest: string;
}

/**
 * A call with a lock of Poetry as one that names each package in its version: that lock does not say where its files
 * are, so an index has to be asked. Raises ProjectError for a lock that cannot be used.
 */
export function withPoetryPins(
  call: ResolveCall,
  target: Pick<ResolveOptions, "python" | "platform" | "pythonFullVersion">,
): ResolveCall {
  const { poetry, ...rest } = call;
  if (poetry === undefined) return call;
  const { project, ignore } = poetry;
  const requirements: Requirement[] = [];
  const sources: SourceRequirement[] = [];
  // As constraints, so that folders, which have no hash, may stand beside them.
  const hashed: Requirement[] = [];
  const indexes = new Set(rest.extraIndexUrls);
  for (const one of poetryPackages(project, target)) {
    if (one.source?.kind === "legacy") indexes.add(one.source.url);
    const requirement = pinned(one, project, ignore);
    if ("source" in requirement) sources.push(requirement);
    else {
      requirements.push(requirement);
      hashed.push({ ...requirement, hashes: [...one.files.values()] });
    }
  }
  const { root } = project;
  if (root) sources.push(folderRequirement(root.name, root.folder, ignore));
  return { ...rest, requirements, sources, constraints: hashed, extraIndexUrls: [...indexes] };
}

function poetryPackages(
  { lock, extras, groups }: PoetryProject,
  target: Pick<ResolveOptions, "python" | "platform" | "pythonFullVersion">,
): readonly PoetryPackage[] {
  const environment = markerEnvironment(target, target.pythonFullVersion);
  const wanted = new Set(extras);
  const holds = (marker: string): boolean => {
    try {
      return markerHolds(marker, environment, wanted);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new ProjectError(
        `${lock.file} cannot be used: ${error.message}.`,
        "Write it anew: poetry lock.",
      );
    }
  };
  return lock.packages.filter((one) =>
    one.groups.some((group) => groups.includes(group) && holds(one.markers.get(group) ?? always)),
  );
}

const always = "os_name == 'posix'";

function pinned(
  { name, version, source, files }: PoetryPackage,
  { lock }: PoetryProject,
  ignore: PoetryCall["ignore"],
): Requirement | SourceRequirement {
  const origin = { where: lock.file, directory: path.dirname(lock.file) };
  switch (source?.kind) {
    case "legacy":
    case undefined:
      return { name: normalizeName(name), extras: [], specifier: `==${version}`, hashes: [] };
    case "directory":
      return folderRequirement(name, poetryPlace(lock, source.url), ignore);
    case "file": {
      const url = pathToFileURL(poetryPlace(lock, source.url)).href;
      return parseAnyRequirement(`${name} @ ${url}`, origin);
    }
    case "url": {
      const [hash] = files.values();
      return parseAnyRequirement(
        `${name} @ ${source.url}${hash === undefined ? "" : `#sha256=${hash}`}`,
        origin,
      );
    }
    case "git": {
      const { url, commit = "", subdirectory } = source;
      const below = subdirectory === undefined ? "" : `#subdirectory=${subdirectory}`;
      return parseAnyRequirement(`${name} @ git+${url}@${commit}${below}`, origin);
    }
  }
}

function folderRequirement(
  name: string,
  folder: string,
  ignore: PoetryCall["ignore"],
): SourceRequirement {
  return {
    name,
    extras: [],
    hashes: [],
    source: { kind: "folder", path: folder, ignore: ignore(folder) },
  };
}
