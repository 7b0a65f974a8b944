import { defaultImageName, NamedImage } from "./named-image.ts";

/**
 * Reads `name=identifier`, or `identifier` for the default image, as a command line has it. Raises DefinitionError and
 * InvalidReferenceError.
 */
export function parseImageValue(value: string): NamedImage {
  const equals = value.indexOf("=");
  const name = equals < 0 ? defaultImageName : value.slice(0, equals);
  return NamedImage.parse(name, value.slice(equals + 1));
}
