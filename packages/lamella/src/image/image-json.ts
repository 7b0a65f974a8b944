import { isAbsolute } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { requireText, requireTextList, show } from "./argument.ts";
import { type BaseDefinition, debianBase, type UserDefinition } from "./base.ts";
import type { ImageDefinition } from "./definition.ts";
import { DefinitionError } from "./error.ts";
import { layerFromData, requireFields } from "./layer-data.ts";
import { envLayer } from "./layers/env.ts";
import { workdirLayer } from "./layers/workdir.ts";
import { requireNaming, requirePlatforms } from "./naming.ts";
import { present } from "./present.ts";
import { requirePythonVersion } from "./python-version.ts";
import { parseReference } from "./reference.ts";

/** Of the form below. Raised when an older Lamella would misunderstand it. */
const version = 1;

/** An image as JSON: its definition, and the version of the form. `image.schema.json` describes it. */
export interface ImageJson extends ImageDefinition {
  readonly version: typeof version;
}

export function imageToJson(definition: ImageDefinition): ImageJson {
  return { version, ...definition };
}

/**
 * The definition in parsed JSON. Everything is checked as if it had been written, and nothing is passed over: raises
 * {@link DefinitionError} for a field that is not known too, and for a newer version.
 */
export function imageFromJson(data: unknown): ImageDefinition {
  const { version: given, ...fields } = requireFields(data, "An image");
  if (given !== version) throw wrongVersion(given);
  const what = "an image in JSON";
  const { pythonVersion, ignoreFile, user, environment, workdir, layers } = fields;
  const definition: ImageDefinition = {
    base: baseFromData(fields["base"], pythonVersion),
    ...present({
      ...requireNaming(fields, what),
      pythonVersion:
        pythonVersion === undefined
          ? undefined
          : requirePythonVersion(pythonVersion, `${what}: pythonVersion`),
      platforms: requirePlatforms({ platforms: fields["platforms"] }, what),
      ignoreFile:
        ignoreFile === undefined ? undefined : requireText(ignoreFile, `${what}: ignoreFile`),
      user: user === undefined ? undefined : userFromData(user),
      environment: environment === undefined ? undefined : envLayer(environment).variables,
      workdir: workdir === undefined ? undefined : workdirLayer(workdir).path,
    }),
    root: requireRoot(fields["root"]),
    layers: Array.isArray(layers) ? layers.map(layerFromData) : [],
  };
  if (isDeepStrictEqual({ ...definition }, { ...fields })) return definition;
  const odd = Object.keys(fields).filter(
    (name) =>
      !isDeepStrictEqual(fields[name], (definition as unknown as Record<string, unknown>)[name]),
  );
  throw new DefinitionError(
    `An image in JSON does not have its ${odd.join(", ") || "fields"} as Lamella writes it.`,
    "Take what image.toJSON() gives, unchanged. A newer Lamella may know more: update.",
  );
}

function wrongVersion(given: unknown): DefinitionError {
  return typeof given === "number" && given > version
    ? new DefinitionError(
        `The image was written by a newer Lamella: version ${given}, and this one reads ${version}.`,
        "Update Lamella.",
      )
    : new DefinitionError(
        `An image in JSON says version ${show(given)}.`,
        `It begins with "version": ${version}, as image.toJSON() gives it.`,
      );
}

function baseFromData(data: unknown, pythonVersion: unknown): BaseDefinition {
  const { kind, ...fields } = requireFields(data, "The base of an image");
  if (kind === "registry") {
    const reference = requireText(fields["reference"], "the base's reference");
    parseReference(reference);
    return { kind, reference };
  }
  if (kind !== "debian") {
    throw new DefinitionError(
      `Unknown kind of base: ${show(kind)}.`,
      "A newer Lamella may know it: update.",
    );
  }
  const { flyteVersion, image } = fields;
  return debianBase({
    installFlyte: flyteVersion !== undefined,
    flyteVersion:
      flyteVersion === undefined ? undefined : requireText(flyteVersion, "flyteVersion"),
    baseImage: image === undefined ? undefined : requireText(image, "the base's image"),
    pythonVersion: requirePythonVersion(pythonVersion, "an image in JSON: pythonVersion"),
  });
}

function userFromData(data: unknown): UserDefinition {
  const { name, shell, home, owns } = requireFields(data, "The user of an image");
  return {
    name: requireText(name, "the user's name"),
    shell: requireText(shell, "the user's shell"),
    home: workdirLayer(home).path,
    owns: requireTextList(owns, "what the user owns", "a folder").map(
      (path) => workdirLayer(path).path,
    ),
  };
}

function requireRoot(value: unknown): string {
  const root = requireText(value, "an image in JSON: the root");
  if (isAbsolute(root)) return root;
  throw new DefinitionError(
    `An image in JSON has the root ${show(root)}.`,
    "It is an absolute folder: the one that the image's paths are relative to.",
  );
}
