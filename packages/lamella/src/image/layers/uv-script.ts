import { dirname } from "node:path";
import type { CanonicalValue } from "../../files/canonical.ts";
import type { SlicedWork } from "../../files/sliced-work.ts";
import { requireOptions, requirePath } from "../argument.ts";
import type { Problem } from "../error.ts";
import type { LockedProject } from "../project/uv-project.ts";
import { readScript, readScriptLock, scriptRequirements } from "../project/uv-script.ts";
import {
  encodeSecretMounts,
  type SecretMountsOptions,
  type SecretMountsSettings,
  secretMountsOptions,
  secretMountsSettings,
} from "../secret.ts";
import { type LayerContext, onThisMachine } from "./layer-context.ts";
import {
  encodePipPackages,
  type PipPackagesLayer,
  pipPackagesLayer,
  pipPackagesProblems,
} from "./pip-packages.ts";
import {
  encodePythonIndex,
  type PythonIndexOptions,
  type PythonIndexSettings,
  pythonIndexOptions,
  pythonIndexSettings,
} from "./python-index.ts";
import { encodeProject, projectProblems } from "./uv-project.ts";
import { foundProblems } from "./world.ts";

/** Options of {@link Image.fromUvScript} that concern its packages. */
export interface UvScriptOptions extends PythonIndexOptions, SecretMountsOptions {}

/** The packages that a script says it needs. */
export interface UvScriptLayer extends PythonIndexSettings, SecretMountsSettings {
  readonly kind: "uv-script";
  /** Absolute, or relative to the definition's root. */
  readonly script: string;
}

const call = "fromUvScript";

export function uvScriptLayer(script: unknown, options: unknown): UvScriptLayer {
  const known = requireOptions(options, call, [...pythonIndexOptions, ...secretMountsOptions]);
  return {
    kind: "uv-script",
    script: requirePath(script, `${call}: the script`),
    ...pythonIndexSettings(known, call),
    ...secretMountsSettings(known, call),
  };
}

/** What a script asks for: its lock, or requirements as of `withPipPackages`, relative to the script's folder. */
export type ScriptRequest =
  | { readonly project: LockedProject }
  | { readonly packages: PipPackagesLayer; readonly directory: string };

/** Reads the script anew. Raises ProjectError, and the errors of reading files. */
export function readLayerScript(layer: UvScriptLayer, context: LayerContext): ScriptRequest {
  const script = readScript(onThisMachine(context, layer.script));
  const project = readScriptLock(script);
  if (project) return { project };
  const { packages, ...indexes } = scriptRequirements(script);
  const { indexUrl, extraIndexUrls = [], pre, secretMounts } = layer;
  const urls = [...extraIndexUrls, ...(indexes.extraIndexUrls ?? [])];
  const index = indexUrl ?? indexes.indexUrl;
  return {
    packages: pipPackagesLayer([
      packages,
      {
        ...(index !== undefined && { indexUrl: index }),
        ...(urls.length > 0 && { extraIndexUrls: urls }),
        ...((pre === true || indexes.pre === true) && { pre: true }),
        ...(secretMounts && { secretMounts }),
      },
    ]),
    directory: dirname(script.file),
  };
}

export function* encodeUvScript(
  layer: UvScriptLayer,
  context: LayerContext,
): SlicedWork<CanonicalValue> {
  const request = readLayerScript(layer, context);
  yield;
  if ("packages" in request) {
    return yield* encodePipPackages(request.packages, { ...context, root: request.directory });
  }
  return {
    ...(yield* encodeProject(request.project, context)),
    index: encodePythonIndex(layer),
    secretMounts: encodeSecretMounts(layer),
  };
}

export function uvScriptProblems(layer: UvScriptLayer, context: LayerContext): readonly Problem[] {
  return foundProblems(() => {
    const request = readLayerScript(layer, context);
    return "packages" in request
      ? pipPackagesProblems(request.packages, { ...context, root: request.directory })
      : projectProblems(request.project, context);
  });
}
