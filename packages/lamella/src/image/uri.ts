import { baseReference } from "./base.ts";
import type { ImageDefinition } from "./definition.ts";

/** How many of the identifier's digits are the tag. */
const tagLength = 32;

/** What an image on {@link DebianBase} is called when its definition gives no name. */
const debianName = "flyte";

/** The image's name: its own, or the default that its base gives to what extends it. */
export function imageName({ name, base }: ImageDefinition): string | undefined {
  return name ?? (base.kind === "debian" ? debianName : undefined);
}

/** Whether the image is its base and nothing else, under the base's own name: then there is nothing to build. */
export function isItsBase({ registry, name, tag, user, layers }: ImageDefinition): boolean {
  const named = registry !== undefined || name !== undefined || tag !== undefined;
  return !named && user === undefined && layers.length === 0;
}

/**
 * `registry/name:tag`, or `name:tag` without a registry; the tag is the definition's, else the first 32 digits of the
 * identifier. For an image that is its base, the base's reference as it was written.
 */
export function imageUri(definition: ImageDefinition, identifier: () => string): string {
  if (isItsBase(definition)) return baseReference(definition.base, definition.pythonVersion);
  const { registry, tag = identifier().slice(0, tagLength) } = definition;
  return `${registry === undefined ? "" : `${registry}/`}${imageName(definition)}:${tag}`;
}

/** The definition with a registry: its own, else the default one if there is one. What is its base stays where that is. */
export function withDefaultRegistry(
  definition: ImageDefinition,
  registry: string | undefined,
): ImageDefinition {
  const isSettled = definition.registry !== undefined || isItsBase(definition);
  return isSettled || registry === undefined ? definition : { ...definition, registry };
}
