import type { CanonicalValue } from "../../files/canonical.ts";
import type { SlicedWork } from "../../files/sliced-work.ts";
import { requireOptions, requirePath } from "../argument.ts";
import type { Problem } from "../error.ts";
import {
  encodePoetryProject,
  type PoetryProject,
  poetryFolders,
  poetryIgnoreRules,
  readPoetryProject,
} from "../project/poetry-project.ts";
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

/** Options of {@link Image.withPoetryProject}. */
export interface PoetryProjectOptions extends ProjectOptions {
  /** The lock, if it is not `poetry.lock` beside the project. */
  readonly poetryLock?: string | URL | undefined;
}

/** The packages of a project's `poetry.lock`. */
export interface PoetryProjectLayer extends ProjectSettings {
  readonly kind: "poetry-project";
  /** The `pyproject.toml`: absolute, or relative to the definition's root. */
  readonly pyproject: string;
  /** As that. */
  readonly poetryLock?: string;
}

const call = "withPoetryProject";

export function poetryProjectLayer(pyproject: unknown, options: unknown): PoetryProjectLayer {
  const known = requireOptions(options, call, ["poetryLock", ...projectOptions]);
  const { poetryLock } = known;
  return {
    kind: "poetry-project",
    pyproject: requirePyproject(pyproject, call),
    ...(poetryLock !== undefined && {
      poetryLock: requirePath(poetryLock, `${call}: the poetryLock`),
    }),
    ...projectSettings(known, call),
  };
}

/** The project and its lock, read anew. Raises ProjectError, and the errors of reading files. */
export function readLayerPoetry(layer: PoetryProjectLayer, context: LayerContext): PoetryProject {
  const { pyproject, poetryLock, projectInstallMode, extras, groups, defaultGroups } = layer;
  const installProject = projectInstallMode === "install_project";
  return readPoetryProject(
    {
      pyproject,
      poetryLock,
      installProject,
      extras: extras ?? [],
      groups: groups ?? [],
      defaultGroups: defaultGroups ?? true,
    },
    context,
  );
}

export function* encodePoetryLayer(
  layer: PoetryProjectLayer,
  context: LayerContext,
): SlicedWork<CanonicalValue> {
  const project = readLayerPoetry(layer, context);
  yield;
  const folders = poetryFolders(project).map((folder) => ({
    folder,
    ignore: poetryIgnoreRules(folder, project, context),
  }));
  return {
    lock: encodePoetryProject(project),
    folders: yield* folderDigests(folders, context),
    index: encodePythonIndex(layer),
    secretMounts: encodeSecretMounts(layer),
  };
}

export function poetryProjectProblems(
  layer: PoetryProjectLayer,
  context: LayerContext,
): readonly Problem[] {
  return foundProblems(() => folderProblems(poetryFolders(readLayerPoetry(layer, context))));
}
