import { basename } from "node:path";
import { LamellaError } from "../../error.ts";
import type { CanonicalValue } from "../../files/canonical.ts";
import type { SlicedWork } from "../../files/sliced-work.ts";
import { treeWork } from "../../files/tree.ts";
import { requireBoolean, requireOptions, requirePath, requireTextList, show } from "../argument.ts";
import { DefinitionError, type Problem } from "../error.ts";
import { present } from "../present.ts";
import { checkFreshness } from "../project/uv-freshness.ts";
import {
  builtFolders,
  encodeLockedProject,
  type LockedProject,
  readUvProject,
  type UvProject,
} from "../project/uv-project.ts";
import {
  encodeSecretMounts,
  type SecretMountsOptions,
  type SecretMountsSettings,
  secretMountsOptions,
  secretMountsSettings,
} from "../secret.ts";
import type { LayerContext } from "./layer-context.ts";
import {
  encodePythonIndex,
  type PythonIndexOptions,
  type PythonIndexSettings,
  pythonIndexOptions,
  pythonIndexSettings,
} from "./python-index.ts";
import { worldProblems } from "./world.ts";

/** What is installed of a project: only what its lock names, or the project too. */
export type ProjectInstallMode = "dependencies_only" | "install_project";

/**
 * Options of {@link Image.withUvProject}. What the lock names comes from where the lock says; the options for indexes say
 * where builds get what they require, and give credentials for an index.
 */
export interface UvProjectOptions extends PythonIndexOptions, SecretMountsOptions {
  /** The lock, if it is not `uv.lock` beside the project or in the workspace that it belongs to. */
  readonly uvlock?: string | URL | undefined;
  /** `dependencies_only` if absent. */
  readonly projectInstallMode?: ProjectInstallMode | undefined;
  /** Extras of the project. */
  readonly extras?: readonly string[] | undefined;
  /** Dependency groups, beside the default ones. */
  readonly groups?: readonly string[] | undefined;
  /** Whether the default groups are installed (`dev`, or `tool.uv.default-groups`), as `uv sync` does; true if absent. */
  readonly defaultGroups?: boolean | undefined;
}

/** The packages of a project's `uv.lock`. */
export interface UvProjectLayer extends PythonIndexSettings, SecretMountsSettings {
  readonly kind: "uv-project";
  /** The `pyproject.toml`: absolute, or relative to the definition's root. */
  readonly pyproject: string;
  /** As that. */
  readonly uvlock?: string;
  readonly projectInstallMode?: ProjectInstallMode;
  readonly extras?: readonly string[];
  readonly groups?: readonly string[];
  readonly defaultGroups?: boolean;
}

const call = "withUvProject";

export function uvProjectLayer(pyproject: unknown, options: unknown): UvProjectLayer {
  const known = requireOptions(options, call, [
    "uvlock",
    "projectInstallMode",
    "extras",
    "groups",
    "defaultGroups",
    ...pythonIndexOptions,
    ...secretMountsOptions,
  ]);
  const { uvlock, projectInstallMode, extras, groups, defaultGroups } = known;
  return {
    kind: "uv-project",
    pyproject: requirePyproject(pyproject, call),
    ...present({
      uvlock: uvlock === undefined ? undefined : requirePath(uvlock, `${call}: the uvlock`),
      projectInstallMode: installMode(projectInstallMode, call),
      extras: names(extras, `${call}: extras`),
      groups: names(groups, `${call}: groups`),
      defaultGroups:
        defaultGroups === undefined
          ? undefined
          : requireBoolean(defaultGroups, `${call}: defaultGroups`),
    }),
    ...pythonIndexSettings(known, call),
    ...secretMountsSettings(known, call),
  };
}

/** The path of a `pyproject.toml`. */
export function requirePyproject(value: unknown, who: string): string {
  const path = requirePath(value, `${who}: the project`);
  if (basename(path) === "pyproject.toml") return path;
  throw new DefinitionError(
    `${who}: ${show(path)} is not a pyproject.toml.`,
    "Name the file: ./pyproject.toml.",
  );
}

export function installMode(value: unknown, who: string): ProjectInstallMode | undefined {
  if (value === undefined || value === "dependencies_only" || value === "install_project") {
    return value;
  }
  throw new DefinitionError(
    `${who}: projectInstallMode is ${show(value)}.`,
    'Give "dependencies_only" or "install_project".',
  );
}

/** The project and its lock, read anew. Raises ProjectError, and the errors of reading files. */
export function readLayerProject(layer: UvProjectLayer, context: LayerContext): UvProject {
  const { pyproject, uvlock, projectInstallMode, extras = [], groups = [], defaultGroups } = layer;
  const installProject = projectInstallMode === "install_project";
  return readUvProject(
    { pyproject, uvlock, installProject, extras, groups, defaultGroups: defaultGroups ?? true },
    context,
  );
}

export function* encodeUvProject(
  layer: UvProjectLayer,
  context: LayerContext,
): SlicedWork<CanonicalValue> {
  const project = readLayerProject(layer, context);
  yield;
  return {
    ...(yield* encodeProject(project, context)),
    index: encodePythonIndex(layer),
    secretMounts: encodeSecretMounts(layer),
  };
}

/** What is installed by a lock, with the content of the folders that are built. */
export function* encodeProject(
  project: LockedProject,
  context: LayerContext,
): SlicedWork<{ readonly lock: CanonicalValue; readonly folders: readonly string[] }> {
  const folders: string[] = [];
  for (const { folder, ignore } of builtFolders(project, context)) {
    folders.push((yield* treeWork(folder, { ignore, memo: context.memo })).digest);
  }
  return { lock: encodeLockedProject(project), folders };
}

/** What is wrong with the folders that a lock names. */
export function projectProblems(project: LockedProject, context: LayerContext): readonly Problem[] {
  return builtFolders(project, context).flatMap(({ folder }) =>
    worldProblems(folder, "its lock names", "folder"),
  );
}

export function uvProjectProblems(
  layer: UvProjectLayer,
  context: LayerContext,
): readonly Problem[] {
  try {
    const project = readLayerProject(layer, context);
    checkFreshness(project);
    return projectProblems(project, context);
  } catch (error) {
    if (!(error instanceof LamellaError)) throw error;
    return [{ message: error.message, hint: error.hint }];
  }
}

function names(value: unknown, what: string): readonly string[] | undefined {
  return value === undefined ? undefined : requireTextList(value, what, `${what}: a name`);
}
