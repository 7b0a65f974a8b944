import type { CanonicalValue } from "../../files/canonical.ts";
import type { SlicedWork } from "../../files/sliced-work.ts";
import { fileWork, treeWork } from "../../files/tree.ts";
import { requireOptions, show, splitTexts } from "../argument.ts";
import { refuseCredentials } from "../credentials-in-url.ts";
import { DefinitionError, type Problem } from "../error.ts";
import { localRequirement, portableRequirement } from "../local-requirement.ts";
import {
  encodeSecretMounts,
  type SecretMountsOptions,
  type SecretMountsSettings,
  secretMountsOptions,
  secretMountsSettings,
} from "../secret.ts";
import { type LayerContext, onThisMachine } from "./layer-context.ts";
import {
  encodePythonIndex,
  type PythonIndexOptions,
  type PythonIndexSettings,
  pythonIndexOptions,
  pythonIndexSettings,
} from "./python-index.ts";
import { isFolder, worldProblems } from "./world.ts";

/** Options of {@link Image.withPipPackages}. */
export interface PipPackagesOptions extends PythonIndexOptions, SecretMountsOptions {}

/** Python packages, by requirement (PEP 508) or path. */
export interface PipPackagesLayer extends PythonIndexSettings, SecretMountsSettings {
  readonly kind: "pip-packages";
  readonly packages: readonly string[];
}

const call = "withPipPackages";

export function pipPackagesLayer(args: readonly unknown[]): PipPackagesLayer {
  const { texts, options } = splitTexts(args, call, `${call}: a package`);
  const known = requireOptions(options, call, [...pythonIndexOptions, ...secretMountsOptions]);
  return {
    kind: "pip-packages",
    packages: texts.map(requireRequirement),
    ...pythonIndexSettings(known, call),
    ...secretMountsSettings(known, call),
  };
}

export function* encodePipPackages(
  layer: PipPackagesLayer,
  context: LayerContext,
): SlicedWork<CanonicalValue> {
  const packages: CanonicalValue[] = [];
  for (const text of layer.packages) {
    const local = localRequirement(text);
    packages.push(
      local === undefined
        ? text
        : [
            portableRequirement(local),
            yield* localContent(onThisMachine(context, local.path), context),
          ],
    );
  }
  return {
    packages,
    index: encodePythonIndex(layer),
    secretMounts: encodeSecretMounts(layer),
  };
}

/** The content of a wheel, an archive or a project's folder that a requirement names. */
export function* localContent(absolute: string, { memo }: LayerContext): SlicedWork<string> {
  if (isFolder(absolute)) return (yield* treeWork(absolute, { memo })).digest;
  const file = yield* fileWork(absolute, { memo });
  return file.digest;
}

export function pipPackagesProblems(
  layer: PipPackagesLayer,
  context: LayerContext,
): readonly Problem[] {
  return layer.packages.flatMap((text) => {
    const local = localRequirement(text);
    return local === undefined
      ? []
      : worldProblems(
          onThisMachine(context, local.path),
          `The package ${show(text)} names`,
          "either",
        );
  });
}

function requireRequirement(text: string): string {
  const what = `${call}: the package`;
  const requirement = text.trim();
  if (requirement === "" || /[\r\n]/.test(requirement)) {
    throw new DefinitionError(
      `${what} is not one requirement: ${show(text)}.`,
      "Give each requirement as a text of its own; a file of them goes to withRequirements.",
    );
  }
  if (requirement.startsWith("-")) {
    throw new DefinitionError(
      `${what} is an option: ${show(text)}.`,
      "Options follow the packages as an object: { indexUrl, extraIndexUrls, pre, secretMounts }.",
    );
  }
  refuseCredentials(
    requirement,
    what,
    "Take them out: they are found by the host's address in netrc or the keyring.",
  );
  return requirement;
}
