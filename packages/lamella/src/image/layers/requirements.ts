import type { CanonicalValue } from "../../files/canonical.ts";
import { sha256 } from "../../files/digest.ts";
import type { SlicedWork } from "../../files/sliced-work.ts";
import { requireOptions, requirePath, show } from "../argument.ts";
import { DefinitionError, type Problem } from "../error.ts";
import { readRequirementsFile } from "../requirements-file.ts";
import {
  encodeSecretMounts,
  type SecretMountsOptions,
  type SecretMountsSettings,
  secretMountsOptions,
  secretMountsSettings,
} from "../secret.ts";
import { type LayerContext, onThisMachine } from "./layer-context.ts";
import { localContent } from "./pip-packages.ts";
import {
  encodePythonIndex,
  type PythonIndexOptions,
  type PythonIndexSettings,
  pythonIndexOptions,
  pythonIndexSettings,
} from "./python-index.ts";
import { foundProblems, worldProblems } from "./world.ts";

/** Options of {@link Image.withRequirements}. */
export interface RequirementsOptions extends PythonIndexOptions, SecretMountsOptions {}

/** Python packages, by a requirements file. */
export interface RequirementsLayer extends PythonIndexSettings, SecretMountsSettings {
  readonly kind: "requirements";
  /** Absolute, or relative to the definition's root. */
  readonly file: string;
}

const call = "withRequirements";

export function requirementsLayer(file: unknown, options: unknown): RequirementsLayer {
  const path = requirePath(file, `${call}: the file`);
  if (!path.endsWith(".txt")) {
    throw new DefinitionError(
      `${call}: ${show(path)} is not a .txt file.`,
      "A requirements file ends in .txt; single packages go to withPipPackages.",
    );
  }
  const known = requireOptions(options, call, [...pythonIndexOptions, ...secretMountsOptions]);
  return {
    kind: "requirements",
    file: path,
    ...pythonIndexSettings(known, call),
    ...secretMountsSettings(known, call),
  };
}

export function* encodeRequirements(
  layer: RequirementsLayer,
  context: LayerContext,
): SlicedWork<CanonicalValue> {
  const { files, local } = readRequirementsFile(onThisMachine(context, layer.file));
  yield;
  const contents: string[] = [];
  for (const absolute of local) contents.push(yield* localContent(absolute, context));
  return {
    files: files.map(({ bytes }) => sha256(bytes)),
    local: contents,
    index: encodePythonIndex(layer),
    secretMounts: encodeSecretMounts(layer),
  };
}

export function requirementsProblems(
  layer: RequirementsLayer,
  context: LayerContext,
): readonly Problem[] {
  return foundProblems(() => {
    const { local } = readRequirementsFile(onThisMachine(context, layer.file));
    return local.flatMap((absolute) => worldProblems(absolute, `${layer.file} names`, "either"));
  });
}
