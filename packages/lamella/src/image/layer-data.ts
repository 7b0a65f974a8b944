import { isDeepStrictEqual } from "node:util";
import { show } from "./argument.ts";
import { DefinitionError } from "./error.ts";
import type { LayerDefinition } from "./layer.ts";
import { aptPackagesLayer } from "./layers/apt-packages.ts";
import { commandsLayer } from "./layers/commands.ts";
import { entrypointLayer } from "./layers/entrypoint.ts";
import { envLayer } from "./layers/env.ts";
import { labelsLayer } from "./layers/labels.ts";
import { pipPackagesLayer } from "./layers/pip-packages.ts";
import { poetryProjectLayer } from "./layers/poetry-project.ts";
import { requirementsLayer } from "./layers/requirements.ts";
import { sourceFileLayer } from "./layers/source-file.ts";
import { sourceFolderLayer } from "./layers/source-folder.ts";
import { userLayer } from "./layers/user.ts";
import { uvProjectLayer } from "./layers/uv-project.ts";
import { uvScriptLayer } from "./layers/uv-script.ts";
import { workdirLayer } from "./layers/workdir.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * A layer of plain data, checked: it is made again by the call that made it, and has to be what comes out. So there is one
 * set of rules for what people write and for what was stored or sent. Raises {@link DefinitionError}.
 */
export function layerFromData(data: unknown): LayerDefinition {
  const fields = requireFields(data, "A layer");
  const layer = madeAgain(fields);
  if (isDeepStrictEqual(layer, data)) return layer;
  const odd = [...new Set([...Object.keys(fields), ...Object.keys(layer)])].filter(
    (name) => !isDeepStrictEqual(fields[name], (layer as unknown as Fields)[name]),
  );
  throw new DefinitionError(
    `A layer of kind ${show(fields["kind"])} does not have its ${odd.join(", ")} as Lamella writes it.`,
    "Take the data that image.toJSON() gives, unchanged. A newer Lamella may know more: update.",
  );
}

function madeAgain({ kind, ...fields }: Fields): LayerDefinition {
  switch (kind as LayerDefinition["kind"]) {
    case "apt-packages":
      return aptPackagesLayer(texts(fields, "packages"));
    case "commands":
      return commandsLayer(texts(fields, "commands"));
    case "pip-packages":
      return pipPackagesLayer(texts(fields, "packages"));
    case "entrypoint":
      return entrypointLayer(texts(fields, "entrypoint"));
    case "requirements": {
      const { file, ...options } = fields;
      return requirementsLayer(file, options);
    }
    case "uv-script": {
      const { script, ...options } = fields;
      return uvScriptLayer(script, options);
    }
    case "poetry-project": {
      const { pyproject, ...options } = fields;
      return poetryProjectLayer(pyproject, options);
    }
    case "uv-project": {
      const { pyproject, ...options } = fields;
      return uvProjectLayer(pyproject, options);
    }
    case "source-folder": {
      const { source, destination, ...options } = fields;
      return sourceFolderLayer(source, destination, options);
    }
    case "source-file":
      return sourceFileLayer(fields["sources"], fields["destination"]);
    case "env":
      return envLayer(fields["variables"]);
    case "labels":
      return labelsLayer(fields["labels"]);
    case "user":
      return userLayer(fields["user"]);
    case "workdir":
      return workdirLayer(fields["path"]);
    default:
      throw new DefinitionError(
        `Unknown kind of layer: ${show(kind)}.`,
        "A newer Lamella may know it: update.",
      );
  }
}

/** The arguments of a call that takes a list and options. */
function texts(fields: Fields, name: string): readonly [list: readonly unknown[], options: Fields] {
  const { [name]: list, ...options } = fields;
  return [Array.isArray(list) ? list : [list], options];
}

/** Plain data with names. `what` is it, at the beginning of a sentence. */
export function requireFields(data: unknown, what: string): Fields {
  if (typeof data === "object" && data !== null && !Array.isArray(data)) return data as Fields;
  throw new DefinitionError(`${what} is ${show(data)}.`, "It is an object with named fields.");
}
