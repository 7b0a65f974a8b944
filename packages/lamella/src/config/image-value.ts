import { LamellaError } from "../error.ts";
import { show } from "../image/argument.ts";
import { DefinitionError } from "../image/error.ts";
import { defaultImageName, NamedImage } from "./named-image.ts";

/**
 * Reads `name=identifier`, or `identifier` for the default image. `param` is what errors call the option. Raises
 * {@link DefinitionError}.
 */
export function parseImageValue(value: string, param: string): NamedImage {
  const equals = value.indexOf("=");
  const name = equals < 0 ? defaultImageName : value.slice(0, equals);
  try {
    return NamedImage.parse(name, value.slice(equals + 1));
  } catch (error) {
    if (!(error instanceof LamellaError)) throw error;
    throw new DefinitionError(`${param} ${show(value)}: ${error.message}`, error.hint, {
      cause: error,
    });
  }
}
