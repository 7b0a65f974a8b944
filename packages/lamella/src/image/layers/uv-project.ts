import type { CanonicalValue } from "../../files/canonical.ts";
import type { SlicedWork } from "../../files/sliced-work.ts";
import { requireOptions, requirePath } from "../argument.ts";
import type { Problem } from "../error.ts";
import { checkFreshness } from "../project/uv-freshness.ts";
import {
  builtFolders,
  encodeLockedProject,
  type LockedProject,
  readUvProject,
  type UvProject,
} from "../project/uv-project.ts";
import { encodeSecretMounts } from "../secret.ts";
import { folderDigests, folderProblems } from "./built-folders.ts";
import type { LayerContext } from "./layer-context.ts";
import {
  type ProjectOptions,
  type ProjectSettings,
  projectOptions,
  projectSettings,
  requirePyproject,
} from "./project-options.ts";
import { encodePythonIndex } from "./python-index.ts";
import { foundProblems } from "./world.ts";

/**
 * Options of {@link Image.withUvProject}. What the lock names comes from where the lock says; the options for indexes say
 * where builds get what they require, and give credentials for an index.
 */
export interface UvProjectOptions extends ProjectOptions {
  /** The lock, if it is not `uv.lock` beside the project or in the workspace that it belongs to. */
  readonly uvlock?: string | URL | undefined;
}

/** The packages of a project's `uv.lock`. */
export interface UvProjectLayer extends ProjectSettings {
  readonly kind: "uv-project";
  /** The `pyproject.toml`: absolute, or relative to the definition's root. */
  readonly pyproject: string;
  /** As that. */
  readonly uvlock?: string;
}

const call = "withUvProject";

export function uvProjectLayer(pyproject: unknown, options: unknown): UvProjectLayer {
  const known = requireOptions(options, call, ["uvlock", ...projectOptions]);
  const { uvlock } = known;
  return {
    kind: "uv-project",
    pyproject: requirePyproject(pyproject, call),
    ...(uvlock !== undefined && { uvlock: requirePath(uvlock, `${call}: the uvlock`) }),
    ...projectSettings(known, call),
  };
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
  const folders = yield* folderDigests(builtFolders(project, context), context);
  return { lock: encodeLockedProject(project), folders };
}

/** What is wrong with the folders that a lock names. */
export function projectProblems(project: LockedProject, context: LayerContext): readonly Problem[] {
  return folderProblems(builtFolders(project, context).map(({ folder }) => folder));
}

export function uvProjectProblems(
  layer: UvProjectLayer,
  context: LayerContext,
): readonly Problem[] {
  return foundProblems(() => {
    const project = readLayerProject(layer, context);
    checkFreshness(project);
    return projectProblems(project, context);
  });
}
