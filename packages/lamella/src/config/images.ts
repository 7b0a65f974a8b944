import { LamellaError } from "../error.ts";
import type { ConfigPath } from "./config-document.ts";
import type { ConfigFile } from "./config-file.ts";
import { ConfigFileError } from "./error.ts";
import { NamedImage } from "./named-image.ts";

/** The sections that name images: that of both generations of the Python SDK, and that of the second. */
const sections: readonly ConfigPath[] = [["images"], ["image", "image_refs"]];

/** An image that a file names, and where. */
export interface SpecifiedImage {
  readonly name: string;
  readonly uri: string;
  readonly path: ConfigPath;
}

/**
 * The images that a file gives names to, in its order. Raises ConfigFileError for what is no image, and for a name that
 * stands for two.
 */
export function specifiedImages(file: ConfigFile): readonly SpecifiedImage[] {
  const found = new Map<string, SpecifiedImage>();
  for (const section of sections) {
    for (const [name, uri] of Object.entries(readSection(file, section))) {
      const path = [...section, name];
      requireImage(file, path, name, uri);
      const other = found.get(name);
      if (other && other.uri !== uri) {
        const { line } = file.position(other.path);
        throw new ConfigFileError(
          file.keyPosition(section, name),
          `'${name}' names ${String(uri)}, and ${other.uri} in line ${line}.`,
          "Leave one of the two, or call one of them something else.",
        );
      }
      if (!other) found.set(name, { name, uri: uri as string, path });
    }
  }
  return [...found.values()];
}

/** The images of a configuration file, as the Python SDK calls what reads them. */
export const Images = {
  /**
   * The images that a file names: of `[images]` in an INI file, of `images:` and `image.image_refs:` in YAML. By friendly
   * name, as they are written there: a tag may be absent. No file, no images. Raises ConfigFileError.
   *
   * @example
   * ```ts
   * const images = Images.getSpecifiedImages(await ConfigFile.read("config.yaml"));
   * images["spark"]; // "ghcr.io/acme/spark:v2"
   * ```
   */
  getSpecifiedImages(file: ConfigFile | undefined): Readonly<Record<string, string>> {
    const images = file ? specifiedImages(file) : [];
    return Object.fromEntries(images.map(({ name, uri }) => [name, uri]));
  },
} as const;

function readSection(file: ConfigFile, path: ConfigPath): object {
  const section = file.get(...path.map(String)) ?? {};
  if (typeof section === "object" && !Array.isArray(section)) return section;
  throw new ConfigFileError(
    file.position(path),
    `'${path.join(".")}' must be a mapping.`,
    "Give each image a name, as in spark: ghcr.io/acme/spark:v2",
  );
}

function requireImage(file: ConfigFile, path: ConfigPath, name: string, uri: unknown): void {
  const refuse = (problem: string, hint: string, options?: ErrorOptions): ConfigFileError =>
    new ConfigFileError(file.position(path), `'${path.join(".")}' ${problem}`, hint, options);
  if (typeof uri !== "string" || uri === "") {
    throw refuse("must be text.", "Give an image, as in ghcr.io/acme/spark:v2");
  }
  try {
    NamedImage.parse(name, uri, { allowNoTagOrDigest: true });
  } catch (error) {
    if (!(error instanceof LamellaError)) throw error;
    throw refuse(`names no image. ${error.message}`, error.hint, { cause: error });
  }
}
