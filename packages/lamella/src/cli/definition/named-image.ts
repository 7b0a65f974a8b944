import type { BuildEvent } from "../../engine/event.ts";
import type { DefinitionSource } from "../../engine/lock-owner.ts";
import { LamellaError } from "../../error.ts";
import { DefinitionError } from "../../image/error.ts";
import { NamedImageError } from "../error.ts";
import type { ExportedImage } from "./exported-images.ts";
import type { DefinitionArgument } from "./load-definition.ts";

/** An image as the command line names it: `image.ts`, or `image.ts#trainer`. */
export function shownImage(
  { shown }: Pick<DefinitionArgument, "shown">,
  { name }: Pick<ExportedImage, "name">,
): string {
  return name === "default" ? shown : `${shown}#${name}`;
}

/** An image's definition, as a lock names its owner. */
export function definitionSource(
  { file }: Pick<DefinitionArgument, "file">,
  { name }: Pick<ExportedImage, "name">,
): DefinitionSource {
  return { file, ...(name !== "default" && { export: name }) };
}

/**
 * A hint with the image's own name where it says `lamella lock FILE`, so that the command can be copied. What knows no
 * definition file (the library, the engine) writes FILE.
 */
export function withImageName(hint: string, image: string): string {
  return hint.replaceAll(
    /(\blamella [a-z]+ )FILE\b/g,
    (_, command: string) => command + quoted(image),
  );
}

/** An event whose hint, if it has one, names the image: see {@link withImageName}. */
export function namedEvent(event: BuildEvent, image: string): BuildEvent {
  if (!("hint" in event) || event.hint === undefined) return event;
  return { ...event, hint: withImageName(event.hint, image) };
}

/** As a shell takes it. */
function quoted(word: string): string {
  return /^[\w./#@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * Does something for an image of a definition file. What fails in the definition names the image, and hints name it where
 * they mean it.
 */
export async function inNameOf<T>(image: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof LamellaError ? named(error, image) : error;
  }
}

function named(error: LamellaError, shown: string): LamellaError {
  const { message } = error;
  const hint = withImageName(error.hint, shown);
  const own = error instanceof DefinitionError ? `${shown}: ${message}` : message;
  if (hint === error.hint && own === message) return error;
  return new NamedImageError(own, hint, error);
}
