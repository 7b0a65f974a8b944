import { existsSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { CanonicalValue } from "../../files/canonical.ts";
import type { IgnoreRules } from "../../files/ignore.ts";
import { ProjectError } from "../error.ts";
import { type LayerContext, onThisMachine } from "../layers/layer-context.ts";
import { normalizeName } from "./normalize-name.ts";
import { folderIgnoreRules } from "./project-folder.ts";
import { readProjectToml, TomlReader, type TomlTable } from "./project-toml.ts";
import {
  isFolderSource,
  lockProblem,
  readUvLock,
  type UvDependency,
  type UvFile,
  type UvLock,
  type UvPackage,
} from "./uv-lock.ts";
import { selectPackages, type UvReached, type UvRoot, type UvSelection } from "./uv-selection.ts";

/** What is to be installed of a project of uv. */
export interface UvProjectChoice {
  /** The project's `pyproject.toml`: absolute, or relative to the definition's root. */
  readonly pyproject: string;
  /** Its lock, if that is not where uv looks for it. */
  readonly uvlock?: string | undefined;
  readonly installProject: boolean;
  readonly extras: readonly string[];
  /** Groups beside the default ones. */
  readonly groups: readonly string[];
  readonly defaultGroups: boolean;
}

/** A lock of uv, and what of it is to be installed. */
export interface LockedProject {
  readonly lock: UvLock;
  readonly selection: UvSelection;
}

/** A project with its lock. */
export interface UvProject extends LockedProject {
  /** Absolute path of its `pyproject.toml`. */
  readonly file: string;
  readonly pyproject: TomlTable;
}

/**
 * Reads a project of uv and its lock: that beside it, or that of the workspace that it is a member of. Raises
 * ProjectError where there is none, where it is not of this project, and for an extra or a group that there is not.
 */
export function readUvProject(choice: UvProjectChoice, context: LayerContext): UvProject {
  const file = onThisMachine(context, choice.pyproject);
  const pyproject = readProjectToml(file);
  const lockFile =
    choice.uvlock === undefined ? findLock(file) : onThisMachine(context, choice.uvlock);
  if (lockFile === undefined) {
    throw new ProjectError(
      `There is no uv.lock beside ${file}, nor in a workspace above it.`,
      "Write one: uv lock. Packages without a lock are for withPipPackages or withRequirements.",
    );
  }
  const lock = readUvLock(lockFile);
  return { file, pyproject, lock, selection: select(file, pyproject, lock, choice) };
}

/** The packages that an installation may need, whatever the environment. */
export function possiblePackages({ lock, selection }: LockedProject): readonly UvReached[] {
  return selectPackages(lock, selection, () => true);
}

/** Absolute folders of which wheels are built, and what is left out of each. */
export function builtFolders(
  project: LockedProject,
  context: LayerContext,
): readonly { readonly folder: string; readonly ignore: IgnoreRules }[] {
  return possiblePackages(project)
    .filter((one) => one.isInstalled && isFolderSource(one.package.source))
    .map((one) => {
      const folder = packageFolder(project.lock, one.package);
      return { folder, ignore: projectIgnoreRules(folder, project.lock, context) };
    });
}

/** Where a package of this machine is. */
export function packageFolder({ file }: UvLock, { source }: UvPackage): string {
  return resolve(dirname(file), source.at, source.subdirectory ?? ".");
}

/** What of a folder is not needed to build it. */
export function projectIgnoreRules(
  folder: string,
  lock: UvLock,
  context: LayerContext,
): IgnoreRules {
  const others = lock.packages.flatMap((one) =>
    isFolderSource(one.source) || one.source.kind === "virtual" ? [packageFolder(lock, one)] : [],
  );
  return folderIgnoreRules(folder, others, context);
}

/**
 * All that decides what a project's lock installs, apart from the content of folders of this machine. Where those lie,
 * and from which index a file comes, does not count: its hash says which file it is.
 */
export function encodeLockedProject(project: LockedProject): CanonicalValue {
  return {
    requirements: project.selection.requirements.map(({ name, extras, marker }) => ({
      name,
      extras,
      marker,
    })),
    packages: possiblePackages(project).map(({ package: one, extras, groups, isInstalled }) => ({
      name: one.name,
      version: one.version,
      source: one.source.kind === "git" || one.source.kind === "url" ? one.source.at : undefined,
      subdirectory: one.source.subdirectory,
      installed: isInstalled,
      markers: one.resolutionMarkers,
      dependencies: one.dependencies.map(encodeDependency),
      extras: encodeSome(one.extras, extras),
      groups: encodeSome(one.groups, groups),
      files: isInstalled
        ? [...one.wheels, ...(one.sdist ? [one.sdist] : [])].map(encodeFile).sort()
        : [],
    })),
  };
}

function encodeSome(
  all: ReadonlyMap<string, readonly UvDependency[]>,
  wanted: ReadonlySet<string>,
): CanonicalValue {
  return [...wanted].sort().map((name) => [name, (all.get(name) ?? []).map(encodeDependency)]);
}

function encodeDependency({ name, version, extras, marker }: UvDependency): CanonicalValue {
  return { name, version, extras, marker };
}

function encodeFile({ hash, url, path, filename }: UvFile): string {
  return hash ?? url ?? path ?? filename ?? "";
}

/** uv's own rule: beside the project, else beside the `pyproject.toml` of the workspace that it belongs to. */
function findLock(pyproject: string): string | undefined {
  const project = dirname(pyproject);
  const own = join(project, "uv.lock");
  if (existsSync(own)) return own;
  for (let folder = dirname(project); ; folder = dirname(folder)) {
    const above = join(folder, "pyproject.toml");
    if (existsSync(above) && isWorkspace(above)) {
      const lock = join(folder, "uv.lock");
      return existsSync(lock) ? lock : undefined;
    }
    if (folder === dirname(folder)) return undefined;
  }
}

function isWorkspace(file: string): boolean {
  const reader = new TomlReader(file, "Mend it.");
  const tool = reader.table(readProjectToml(file)["tool"], "tool");
  return reader.table(tool["uv"], "tool.uv")["workspace"] !== undefined;
}

function select(
  file: string,
  pyproject: TomlTable,
  lock: UvLock,
  choice: UvProjectChoice,
): UvSelection {
  const reader = new TomlReader(file, "Mend it.");
  const uv = reader.table(reader.table(pyproject["tool"], "tool")["uv"], "tool.uv");
  const named = choice.groups.map(normalizeName);
  const extras = choice.extras.map(normalizeName);
  if (pyproject["project"] === undefined) {
    return ofWorkspace(lock, extras, [...named, ...defaults(uv, choice, lock.groups, reader)]);
  }
  const { name } = reader.table(pyproject["project"], "project");
  const root = rootPackage(file, normalizeName(reader.text(name, "project.name")), lock);
  if (choice.installProject && root.source.kind === "virtual") {
    throw new ProjectError(
      `${file} cannot be installed: it has no [build-system], or says that it is no package.`,
      "Copy its sources with withSourceFolder, and leave projectInstallMode out; or give it a [build-system].",
    );
  }
  const groups = [...new Set([...named, ...defaults(uv, choice, root.groups, reader)])];
  requireKnown("extra", extras, [...root.extras.keys()], lock);
  requireKnown("group", named, [...root.groups.keys()], lock);
  requireCompatible(root.name, extras, groups, lock);
  return {
    roots: [{ package: root, extras, groups, isInstalled: choice.installProject }],
    requirements: [],
  };
}

/** A workspace whose root is no project: all its members, as `uv sync` installs them. */
function ofWorkspace(
  lock: UvLock,
  extras: readonly string[],
  groups: readonly string[],
): UvSelection {
  const members = lock.packages.filter(({ name }) => lock.members.includes(name));
  requireKnown(
    "extra",
    extras,
    members.flatMap((one) => [...one.extras.keys()]),
    lock,
  );
  const known = [...lock.groups.keys(), ...members.flatMap((one) => [...one.groups.keys()])];
  requireKnown("group", groups, known, lock);
  return {
    roots: members.map(
      (one): UvRoot => ({
        package: one,
        extras: extras.filter((extra) => one.extras.has(extra)),
        groups: groups.filter((group) => one.groups.has(group)),
        isInstalled: true,
      }),
    ),
    requirements: groups.flatMap((group) => lock.groups.get(group) ?? []),
  };
}

/** `tool.uv.default-groups`; `dev` where nothing is said. */
function defaults(
  uv: TomlTable,
  { defaultGroups }: UvProjectChoice,
  groups: ReadonlyMap<string, unknown>,
  reader: TomlReader,
): readonly string[] {
  if (!defaultGroups) return [];
  const said = uv["default-groups"];
  if (said === "all") return [...groups.keys()];
  if (said === undefined) return groups.has("dev") ? ["dev"] : [];
  return reader.texts(said, "tool.uv.default-groups").map(normalizeName);
}

function rootPackage(file: string, name: string, lock: UvLock): UvPackage {
  const folder = realPath(dirname(file));
  const own = lock.packages.filter(
    ({ source }) => isFolderSource(source) || source.kind === "virtual",
  );
  const root =
    own.find((one) => one.name === name && realPath(packageFolder(lock, one)) === folder) ??
    own.find((one) => one.name === name);
  if (root) return root;
  throw lockProblem(
    lock,
    `it does not have the project ${name} of ${file}`,
    "Write it anew: uv lock. Or name the project's own lock: { uvlock }.",
  );
}

function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

function requireCompatible(
  root: string,
  extras: readonly string[],
  groups: readonly string[],
  lock: UvLock,
): void {
  for (const set of lock.conflicts) {
    const chosen = set.flatMap(({ package: name, extra = "", group = "" }) => {
      if (name !== root) return [];
      if (extras.includes(extra)) return [`extra ${extra}`];
      return groups.includes(group) ? [`group ${group}`] : [];
    });
    if (chosen.length < 2) continue;
    throw lockProblem(
      lock,
      `the project declares that these exclude each other: ${chosen.sort().join(", ")}`,
      "Name one of them; default groups are left out with { defaultGroups: false }.",
    );
  }
}

function requireKnown(
  what: "extra" | "group",
  wanted: readonly string[],
  known: readonly string[],
  lock: UvLock,
): void {
  const missing = wanted.filter((name) => !known.includes(name));
  if (missing.length === 0) return;
  const have = known.length === 0 ? "none" : [...new Set(known)].sort().join(", ");
  throw lockProblem(
    lock,
    `it has no ${what} ${missing.join(", ")}`,
    `Name one that it has (${have}), or write the lock anew: uv lock.`,
  );
}
