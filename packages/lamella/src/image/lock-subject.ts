import { resolve } from "node:path";
import { type CanonicalValue, canonicalDigest } from "../files/canonical.ts";
import { digestHex } from "../files/digest.ts";
import { baseReference } from "./base.ts";
import type { ImageDefinition, LayerDefinition } from "./definition.ts";
import type { LayerContext } from "./layers/layer-context.ts";
import { readLayerPoetry } from "./layers/poetry-project.ts";
import { encodePythonIndex } from "./layers/python-index.ts";
import { readLayerProject } from "./layers/uv-project.ts";
import { readLayerScript } from "./layers/uv-script.ts";
import { localRequirement, portableRequirement } from "./local-requirement.ts";
import { encodePoetryProject } from "./project/poetry-project.ts";
import { encodeLockedProject } from "./project/uv-project.ts";
import { formatReference, parseReference } from "./reference.ts";
import { readRequirementsFile } from "./requirements-file.ts";
import { logicalLines } from "./requirements-lines.ts";

/**
 * What a lock of the image is about, as 64 hexadecimal digits: the base by its name, and what the Python layers ask for.
 * A lock names its own, so that one of another definition, or of what the image asked for before, is known without a
 * parser or a network. Comments of requirements files and places on this machine do not count. Raises the errors of
 * reading requirements files.
 */
export function lockSubject(definition: ImageDefinition): string {
  const { base, pythonVersion, layers } = definition;
  const reference = formatReference(parseReference(baseReference(base, pythonVersion)));
  const calls = layers.flatMap((layer) => asked(layer, definition) ?? []);
  return digestHex(canonicalDigest(["lamella.lock-subject.v1", reference, calls]));
}

function asked(
  layer: LayerDefinition,
  { root, ignoreFile }: LayerContext,
): CanonicalValue | undefined {
  if (layer.kind === "pip-packages") {
    const packages = layer.packages.map((text) => {
      const local = localRequirement(text);
      return local === undefined ? text : portableRequirement(local);
    });
    return { packages, index: encodePythonIndex(layer) };
  }
  if (layer.kind === "requirements") {
    const { files } = readRequirementsFile(resolve(root, layer.file));
    const lines = files.map(({ bytes }) =>
      logicalLines(new TextDecoder().decode(bytes)).map(({ line }) => line),
    );
    return { lines, index: encodePythonIndex(layer) };
  }
  if (layer.kind === "uv-project") {
    return { project: encodeLockedProject(readLayerProject(layer, { root, ignoreFile })) };
  }
  if (layer.kind === "poetry-project") {
    return { project: encodePoetryProject(readLayerPoetry(layer, { root, ignoreFile })) };
  }
  if (layer.kind === "uv-script") {
    const request = readLayerScript(layer, { root, ignoreFile });
    return "packages" in request
      ? asked(request.packages, { root: request.directory })
      : { project: encodeLockedProject(request.project) };
  }
  return undefined;
}
