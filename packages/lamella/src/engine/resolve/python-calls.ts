import { resolve } from "node:path";
import type { ImageDefinition } from "../../image/definition.ts";
import type { PipPackagesLayer } from "../../image/layers/pip-packages.ts";
import type { PythonIndexSettings } from "../../image/layers/python-index.ts";
import type { RequirementsLayer } from "../../image/layers/requirements.ts";
import { secretId, secretVariable } from "../../image/secret.ts";
import {
  parseAnyRequirement,
  type Requirement,
  type SourceRequirement,
} from "../../python/requirements.ts";
import { readRequirementsFile } from "../../python/requirements-file.ts";
import type { ResolveCall } from "../../python/resolve-options.ts";
import { checkNamedSecrets } from "./python-secrets.ts";

type PythonLayer = PipPackagesLayer | RequirementsLayer;

/**
 * What the definition's layers ask the resolver for, one call each, in their order. Raises what malformed requirements
 * raise, and MissingSecretError where `$NAME` in an address is no secret of the call.
 */
export function pythonCalls(
  definition: ImageDefinition,
  signal: AbortSignal,
): Promise<ResolveCall[]> {
  const layers = definition.layers.filter(
    (layer): layer is PythonLayer => layer.kind === "pip-packages" || layer.kind === "requirements",
  );
  return Promise.all(layers.map((layer) => pythonCall(layer, definition.root, signal)));
}

async function pythonCall(
  layer: PythonLayer,
  root: string,
  signal: AbortSignal,
): Promise<ResolveCall> {
  const call = await askedBy(layer, root, signal);
  checkNamedSecrets(call);
  return call;
}

async function askedBy(
  layer: PythonLayer,
  root: string,
  signal: AbortSignal,
): Promise<ResolveCall> {
  const own = { ...indexSettings(layer), secrets: secretVariables(layer) };
  if (layer.kind === "pip-packages") {
    const origin = { where: "withPipPackages", directory: root };
    const requirements: Requirement[] = [];
    const sources: SourceRequirement[] = [];
    for (const text of layer.packages) {
      const requirement = parseAnyRequirement(text, origin);
      if ("source" in requirement) sources.push(requirement);
      else requirements.push(requirement);
    }
    return { requirements, sources, ...own };
  }
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

/** Ids of the layer's secrets by the variables that they are in. */
function secretVariables({ secretMounts = [] }: PythonLayer): ReadonlyMap<string, string> {
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
