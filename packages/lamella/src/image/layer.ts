import { isAbsolute, resolve } from "node:path";
import type { CanonicalValue } from "../files/canonical.ts";
import type { SlicedWork } from "../files/sliced-work.ts";
import { show } from "./argument.ts";
import { DefinitionError, type Problem } from "./error.ts";
import { type AptPackagesLayer, encodeAptPackages } from "./layers/apt-packages.ts";
import { type CommandsLayer, encodeCommands } from "./layers/commands.ts";
import { type EntrypointLayer, encodeEntrypoint } from "./layers/entrypoint.ts";
import { type EnvLayer, encodeEnv } from "./layers/env.ts";
import { encodeLabels, type LabelsLayer } from "./layers/labels.ts";
import type { LayerContext } from "./layers/layer-context.ts";
import {
  encodePipPackages,
  type PipPackagesLayer,
  pipPackagesProblems,
} from "./layers/pip-packages.ts";
import {
  encodePoetryLayer,
  type PoetryProjectLayer,
  poetryProjectProblems,
} from "./layers/poetry-project.ts";
import {
  encodeRequirements,
  type RequirementsLayer,
  requirementsProblems,
} from "./layers/requirements.ts";
import {
  encodeSourceFile,
  type SourceFileLayer,
  sourceFileProblems,
} from "./layers/source-file.ts";
import {
  encodeSourceFolder,
  type SourceFolderLayer,
  sourceFolderProblems,
} from "./layers/source-folder.ts";
import { encodeUser, type UserLayer } from "./layers/user.ts";
import { encodeUvProject, type UvProjectLayer, uvProjectProblems } from "./layers/uv-project.ts";
import { encodeUvScript, type UvScriptLayer, uvScriptProblems } from "./layers/uv-script.ts";
import { encodeWorkdir, type WorkdirLayer } from "./layers/workdir.ts";
import { absoluteRequirement } from "./local-requirement.ts";

/**
 * What is laid on a base, one call of a `with*` method each. A kind has a file of its own in `layers/` (its data, how it
 * is constructed and checked, how it enters the identifier, what can be wrong with its files), a member here, and a case
 * in each function below; the compiler says where one is missing.
 */
export type LayerDefinition =
  | AptPackagesLayer
  | CommandsLayer
  | PipPackagesLayer
  | RequirementsLayer
  | PoetryProjectLayer
  | UvProjectLayer
  | UvScriptLayer
  | SourceFolderLayer
  | SourceFileLayer
  | EnvLayer
  | WorkdirLayer
  | RuntimeLayer;

/** What only says how the image is run: it is no layer in the image, and nothing lies above or below it. */
export type RuntimeLayer = EntrypointLayer | LabelsLayer | UserLayer;

/** A layer of Python packages. */
export type PythonLayer =
  | PipPackagesLayer
  | PoetryProjectLayer
  | RequirementsLayer
  | UvProjectLayer
  | UvScriptLayer;

/** Whether a layer installs Python packages. */
export function isPythonLayer(layer: LayerDefinition): layer is PythonLayer {
  switch (layer.kind) {
    case "pip-packages":
    case "poetry-project":
    case "requirements":
    case "uv-project":
    case "uv-script":
      return true;
    case "apt-packages":
    case "commands":
    case "source-folder":
    case "source-file":
    case "env":
    case "workdir":
    case "entrypoint":
    case "labels":
    case "user":
      return false;
    default:
      throw unknownKind(layer);
  }
}

/** What of a layer decides what is in the image, the content of its files included. */
export function* encodeLayer(
  layer: LayerDefinition,
  context: LayerContext,
): SlicedWork<CanonicalValue> {
  switch (layer.kind) {
    case "apt-packages":
      return [layer.kind, encodeAptPackages(layer)];
    case "commands":
      return [layer.kind, encodeCommands(layer)];
    case "pip-packages":
      return [layer.kind, yield* encodePipPackages(layer, context)];
    case "requirements":
      return [layer.kind, yield* encodeRequirements(layer, context)];
    case "uv-project":
      return [layer.kind, yield* encodeUvProject(layer, context)];
    case "poetry-project":
      return [layer.kind, yield* encodePoetryLayer(layer, context)];
    case "uv-script":
      return [layer.kind, yield* encodeUvScript(layer, context)];
    case "source-folder":
      return [layer.kind, yield* encodeSourceFolder(layer, context)];
    case "source-file":
      return [layer.kind, yield* encodeSourceFile(layer, context)];
    case "env":
      return [layer.kind, encodeEnv(layer)];
    case "workdir":
      return [layer.kind, encodeWorkdir(layer)];
    case "entrypoint":
      return [layer.kind, encodeEntrypoint(layer)];
    case "labels":
      return [layer.kind, encodeLabels(layer)];
    case "user":
      return [layer.kind, encodeUser(layer)];
    default:
      throw unknownKind(layer);
  }
}

/** What is wrong with the files that a layer names. */
export function* layerProblems(
  layer: LayerDefinition,
  context: LayerContext,
): SlicedWork<readonly Problem[]> {
  switch (layer.kind) {
    case "pip-packages":
      return pipPackagesProblems(layer, context);
    case "requirements":
      return requirementsProblems(layer, context);
    case "uv-project":
      return uvProjectProblems(layer, context);
    case "poetry-project":
      return poetryProjectProblems(layer, context);
    case "uv-script":
      return uvScriptProblems(layer, context);
    case "source-folder":
      return yield* sourceFolderProblems(layer, context);
    case "source-file":
      return sourceFileProblems(layer, context);
    case "apt-packages":
    case "commands":
    case "env":
    case "workdir":
    case "entrypoint":
    case "labels":
    case "user":
      return [];
    default:
      throw unknownKind(layer);
  }
}

/** The layer as its author wrote it, for messages: `withSourceFolder("./src")`. */
export function layerTitle(layer: LayerDefinition): string {
  switch (layer.kind) {
    case "apt-packages":
      return title("withAptPackages", layer.packages);
    case "commands":
      return title("withCommands", layer.commands);
    case "pip-packages":
      return title("withPipPackages", layer.packages);
    case "requirements":
      return title("withRequirements", [layer.file]);
    case "uv-project":
      return title("withUvProject", [layer.pyproject]);
    case "poetry-project":
      return title("withPoetryProject", [layer.pyproject]);
    case "uv-script":
      return title("fromUvScript", [layer.script]);
    case "source-folder":
      return title("withSourceFolder", [layer.source]);
    case "source-file":
      return title("withSourceFile", layer.sources);
    case "env":
      return title("withEnvVars", Object.keys(layer.variables));
    case "workdir":
      return title("withWorkdir", [layer.path]);
    case "entrypoint":
      return title("withEntrypoint", layer.entrypoint);
    case "labels":
      return title("withLabels", Object.keys(layer.labels));
    case "user":
      return title("withUser", [layer.user]);
    default:
      throw unknownKind(layer);
  }
}

/** The layer with paths that do not depend on the root they were relative to. */
export function withAbsolutePaths(layer: LayerDefinition, root: string): LayerDefinition {
  const absolute = (path: string): string => (isAbsolute(path) ? path : resolve(root, path));
  switch (layer.kind) {
    case "requirements":
      return { ...layer, file: absolute(layer.file) };
    case "uv-script":
      return { ...layer, script: absolute(layer.script) };
    case "poetry-project": {
      const { poetryLock } = layer;
      return {
        ...layer,
        pyproject: absolute(layer.pyproject),
        ...(poetryLock !== undefined && { poetryLock: absolute(poetryLock) }),
      };
    }
    case "uv-project": {
      const { uvlock } = layer;
      const pyproject = absolute(layer.pyproject);
      return { ...layer, pyproject, ...(uvlock !== undefined && { uvlock: absolute(uvlock) }) };
    }
    case "source-folder":
      return { ...layer, source: absolute(layer.source) };
    case "source-file":
      return { ...layer, sources: layer.sources.map(absolute) };
    case "pip-packages":
      return { ...layer, packages: layer.packages.map((text) => absoluteRequirement(text, root)) };
    case "apt-packages":
    case "commands":
    case "env":
    case "workdir":
    case "entrypoint":
    case "labels":
    case "user":
      return layer;
    default:
      throw unknownKind(layer);
  }
}

function title(call: string, texts: readonly string[]): string {
  const shown = texts.slice(0, 3).map((text) => show(text));
  return `${call}(${[...shown, ...(texts.length > 3 ? ["…"] : [])].join(", ")})`;
}

/** Data of a newer version, or damaged: refused, so that nothing of a definition is left out silently. */
function unknownKind(layer: never): DefinitionError {
  return new DefinitionError(
    `Unknown kind of layer: ${show((layer as { readonly kind?: unknown }).kind)}.`,
    "A newer Lamella may know it: update.",
  );
}
