import { resolve } from "node:path";
import { canonicalDigest } from "../../files/canonical.ts";
import { digestHex } from "../../files/digest.ts";
import type { ImageDefinition } from "../../image/definition.ts";
import { isPythonLayer, type PythonLayer } from "../../image/layer.ts";
import type { PipPackagesLayer } from "../../image/layers/pip-packages.ts";
import { type PoetryProjectLayer, readLayerPoetry } from "../../image/layers/poetry-project.ts";
import type { PythonIndexSettings } from "../../image/layers/python-index.ts";
import type { RequirementsLayer } from "../../image/layers/requirements.ts";
import { readLayerProject, type UvProjectLayer } from "../../image/layers/uv-project.ts";
import { readLayerScript, type UvScriptLayer } from "../../image/layers/uv-script.ts";
import { encodePoetryProject, poetryIgnoreRules } from "../../image/project/poetry-project.ts";
import {
  encodeLockedProject,
  type LockedProject,
  projectIgnoreRules,
} from "../../image/project/uv-project.ts";
import { type SecretMountsSettings, secretId, secretVariable } from "../../image/secret.ts";
import {
  parseAnyRequirement,
  type Requirement,
  type SourceRequirement,
} from "../../python/requirements.ts";
import { readRequirementsFile } from "../../python/requirements-file.ts";
import type { ResolveCall } from "../../python/resolve-options.ts";
import { checkNamedSecrets } from "./python-secrets.ts";

/**
 * What the definition's layers ask the resolver for, one call each, in their order. Raises what malformed requirements
 * raise, and MissingSecretError where `$NAME` in an address is no secret of the call.
 */
export function pythonCalls(
  definition: ImageDefinition,
  signal: AbortSignal,
): Promise<ResolveCall[]> {
  const layers = definition.layers.filter(isPythonLayer);
  return Promise.all(layers.map((layer) => pythonCall(layer, definition, signal)));
}

async function pythonCall(
  layer: PythonLayer,
  definition: ImageDefinition,
  signal: AbortSignal,
): Promise<ResolveCall> {
  const call = await askedBy(layer, definition, signal);
  checkNamedSecrets(call);
  return call;
}

async function askedBy(
  layer: PythonLayer,
  definition: ImageDefinition,
  signal: AbortSignal,
): Promise<ResolveCall> {
  switch (layer.kind) {
    case "pip-packages":
      return askedByPackages(layer, definition.root);
    case "requirements":
      return await askedByFile(layer, definition.root, signal);
    case "poetry-project":
      return askedByPoetry(layer, definition);
    case "uv-project":
      return askedByProject(layer, readLayerProject(layer, definition), definition);
    case "uv-script": {
      const request = readLayerScript(layer, definition);
      return "packages" in request
        ? askedByPackages(request.packages, request.directory)
        : askedByProject(layer, request.project, definition);
    }
    default:
      return layer satisfies never;
  }
}

function askedByProject(
  layer: UvProjectLayer | UvScriptLayer,
  { lock, selection }: LockedProject,
  definition: ImageDefinition,
): ResolveCall {
  const digest = digestHex(canonicalDigest(encodeLockedProject({ lock, selection })));
  return {
    ...ownSettings(layer),
    requirements: [],
    project: {
      lock,
      selection,
      digest,
      ignore: (folder) => projectIgnoreRules(folder, lock, definition),
    },
  };
}

function askedByPoetry(layer: PoetryProjectLayer, definition: ImageDefinition): ResolveCall {
  const project = readLayerPoetry(layer, definition);
  return {
    ...ownSettings(layer),
    requirements: [],
    poetry: {
      project,
      digest: digestHex(canonicalDigest(encodePoetryProject(project))),
      ignore: (folder) => poetryIgnoreRules(folder, project, definition),
    },
  };
}

function askedByPackages(layer: PipPackagesLayer, directory: string): ResolveCall {
  const origin = { where: "withPipPackages", directory };
  const requirements: Requirement[] = [];
  const sources: SourceRequirement[] = [];
  for (const text of layer.packages) {
    const requirement = parseAnyRequirement(text, origin);
    if ("source" in requirement) sources.push(requirement);
    else requirements.push(requirement);
  }
  return { requirements, sources, ...ownSettings(layer) };
}

async function askedByFile(
  layer: RequirementsLayer,
  root: string,
  signal: AbortSignal,
): Promise<ResolveCall> {
  const own = ownSettings(layer);
  const file = await readRequirementsFile(resolve(root, layer.file), { signal });
  const { requirements, sources, constraints, settings } = file;
  return {
    ...own,
    ...settings,
    extraIndexUrls: [...settings.extraIndexUrls, ...(own.extraIndexUrls ?? [])],
    pre: settings.pre || own.pre === true,
    requirements,
    sources,
    constraints,
  };
}

function ownSettings(layer: PythonLayer): Omit<ResolveCall, "requirements"> {
  return { ...indexSettings(layer), secrets: secretVariables(layer) };
}

/** Ids of the layer's secrets by the variables that they are in. */
function secretVariables({ secretMounts = [] }: SecretMountsSettings): ReadonlyMap<string, string> {
  return new Map(
    secretMounts.flatMap((secret) => {
      const variable = secretVariable(secret);
      return variable === undefined ? [] : [[variable, secretId(secret)] as const];
    }),
  );
}

function indexSettings({
  indexUrl,
  extraIndexUrls,
  pre,
}: PythonIndexSettings): Omit<ResolveCall, "requirements"> {
  return {
    ...(indexUrl === undefined ? {} : { indexUrl }),
    ...(extraIndexUrls === undefined ? {} : { extraIndexUrls }),
    ...(pre === undefined ? {} : { pre }),
  };
}
