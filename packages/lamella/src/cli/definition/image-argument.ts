import { parseReference } from "../../image/reference.ts";
import { SeveralImagesError } from "../error.ts";
import type { ExportedImage } from "./exported-images.ts";
import {
  type DefinitionArgument,
  type LoadOptions,
  loadDefinition,
  parseDefinitionArgument,
} from "./load-definition.ts";

/** What `FILE`, `FILE#NAME` or `REFERENCE` on the command line means: exactly one image. */
export type ImageArgument =
  | {
      readonly kind: "definition";
      readonly file: DefinitionArgument;
      readonly exported: ExportedImage;
    }
  | { readonly kind: "reference"; readonly uri: string };

/**
 * Reads the argument: the image of a definition file, if there is a file of that name, else a reference. Raises
 * SeveralImagesError for a file with several images, and what loading definitions raises.
 */
export async function parseImageArgument(
  text: string,
  options: LoadOptions,
): Promise<ImageArgument> {
  const isReference = looksLikeReference(text);
  const file = await parseDefinitionArgument(text, options.cwd).catch((error: unknown) => {
    if (isReference) return undefined;
    throw error;
  });
  if (!file) return { kind: "reference", uri: text };
  const [first, ...others] = await loadDefinition(file, options);
  if (!first || others.length > 0) {
    const names = [first, ...others].map((image) => `  ${file.shown}#${image?.name}`);
    throw new SeveralImagesError(
      `${file.shown} exports several images.`,
      `Name one of them:\n${names.join("\n")}`,
    );
  }
  return { kind: "definition", file, exported: first };
}

/** Not the name of a script, nor a path: no definition file was meant, if none is there. */
function looksLikeReference(text: string): boolean {
  if (/^[./]|\.[cm]?[jt]s(?:#|$)/.test(text)) return false;
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}
