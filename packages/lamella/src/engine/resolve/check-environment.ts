import type { Base } from "../../base/base.ts";
import type { ImageDefinition } from "../../image/definition.ts";
import { definedEnvironment } from "../../image/environment.ts";
import { isPythonLayer } from "../../image/layer.ts";
import { baseVariables } from "./image-env.ts";
import { defaultPrefix } from "./install-prefix.ts";

/**
 * Raises DefinitionError for a variable of the definition that refers to one which is not set on this base: known as soon
 * as the base is, before packages are resolved.
 */
export function checkEnvironment(definition: ImageDefinition, { config }: Base): void {
  const hasPackages = definition.layers.some(isPythonLayer);
  // Which variables there are does not depend on where the virtual environment lies.
  const venv = hasPackages ? defaultPrefix : undefined;
  definedEnvironment(definition, baseVariables(config.config?.Env ?? [], venv));
}
