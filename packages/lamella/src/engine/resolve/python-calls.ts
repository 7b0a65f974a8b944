import { resolve } from "node:path";
import type { ImageDefinition } from "../../image/definition.ts";
import type { PipPackagesLayer } from "../../image/layers/pip-packages.ts";
import type { PythonIndexSettings } from "../../image/layers/python-index.ts";
import type { RequirementsLayer } from "../../image/layers/requirements.ts";
import { parseRequirement } from "../../python/requirements.ts";
import { readRequirementsFile } from "../../python/requirements-file.ts";
import type { ResolveCall } from "../../python/resolve-options.ts";

type PythonLayer = PipPackagesLayer | RequirementsLayer;

/**
 * What the definition's layers ask the resolver for, one call each, in their order. Raises what malformed requirements
 * raise.
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
  if (layer.kind === "pip-packages") {
    const origin = { where: "withPipPackages", directory: root };
    const requirements = layer.packages.map((text) => parseRequirement(text, origin));
    return { requirements, ...indexSettings(layer) };
  }
  const own = indexSettings(layer);
  const file = await readRequirementsFile(resolve(root, layer.file), { signal });
  const { requirements, constraints, settings } = file;
  return {
    ...own,
    ...settings,
    extraIndexUrls: [...settings.extraIndexUrls, ...(own.extraIndexUrls ?? [])],
    pre: settings.pre || own.pre === true,
    requirements,
    constraints,
  };
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
