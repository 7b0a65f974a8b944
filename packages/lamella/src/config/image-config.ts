import { LamellaError } from "../error.ts";
import { requireOptions, show } from "../image/argument.ts";
import { DefinitionError } from "../image/error.ts";
import { ConfigFile, type FindConfigFileOptions } from "./config-file.ts";
import { type DefaultImageOptions, DefaultImages } from "./default-image/default-images.ts";
import {
  type ImageConfigData,
  imageConfigSchema,
  namedImage,
  namedImageData,
} from "./image-config-data.ts";
import { parseImageValue } from "./image-value.ts";
import { Images } from "./images.ts";
import { defaultImageName, NamedImage } from "./named-image.ts";

/** Options of {@link ImageConfig.auto}. */
export interface AutoImageOptions extends FindConfigFileOptions {
  /** A file, or its path; the one that {@link ConfigFile.auto} finds if absent. */
  readonly configFile?: string | ConfigFile;
  /** Identifier of the default image. */
  readonly imgName?: string;
}

/** Options of {@link ImageConfig.validateImage}. */
export interface ValidateImageOptions extends DefaultImageOptions {
  /** What errors call the option; `--image` if absent. */
  readonly param?: string;
}

/**
 * The images that tasks can be given: a default one, and others by friendly names. It never changes.
 *
 * @example
 * ```ts
 * const images = await ImageConfig.auto({ imgName: "ghcr.io/acme/task:v1" });
 * images.findImage("spark")?.full; // what the configuration file calls spark
 * ```
 */
export class ImageConfig {
  readonly defaultImage: NamedImage | undefined;
  /** All of them, the default one first. Each has a name of its own. */
  readonly images: readonly NamedImage[];

  private constructor(defaultImage: NamedImage | undefined, images: readonly NamedImage[]) {
    this.defaultImage = defaultImage;
    this.images = Object.freeze([...images]);
    Object.freeze(this);
  }

  /**
   * From images. The default one comes first. Raises {@link DefinitionError} for two of one name.
   *
   * @example
   * ```ts
   * ImageConfig.createFrom(NamedImage.parse("default", "acme/task:v1"), [NamedImage.parse("spark", "acme/spark:v2")]);
   * ```
   */
  static createFrom(
    defaultImage: NamedImage | undefined,
    otherImages: readonly NamedImage[] = [],
  ): ImageConfig {
    const images = [...(defaultImage ? [defaultImage] : []), ...otherImages];
    const twice = images.find(({ name }, at) => images.findIndex((one) => one.name === name) < at);
    if (twice) {
      const all = images.filter(({ name }) => name === twice.name).map(({ full }) => full);
      throw new DefinitionError(
        `Several images are called ${show(twice.name)}: ${all.join(", ")}.`,
        "Give each a name of its own.",
      );
    }
    return new ImageConfig(defaultImage, images);
  }

  /**
   * From identifiers, by name; the default image's is given by itself. Raises InvalidReferenceError and
   * {@link DefinitionError} for one without tag and digest.
   *
   * @example
   * ```ts
   * ImageConfig.fromImages("ghcr.io/acme/task:v1", { spark: "ghcr.io/acme/spark:v2" });
   * ```
   */
  static fromImages(
    defaultImage: string | undefined,
    others: Readonly<Record<string, string>> = {},
  ): ImageConfig {
    return ImageConfig.createFrom(
      defaultImage === undefined ? undefined : NamedImage.parse(defaultImageName, defaultImage),
      Object.entries(others).map(([name, identifier]) => NamedImage.parse(name, identifier)),
    );
  }

  /**
   * From the configuration file, and the default image's identifier if that is given: then it goes before the image that
   * the file calls `default`. The published default images play no part: {@link ImageConfig.autoDefaultImage} has them.
   * Raises what {@link ConfigFile.auto} and {@link ImageConfig.fromImages} raise.
   *
   * @example
   * ```ts
   * const images = await ImageConfig.auto({ configFile: "flytekit.config" });
   * ```
   */
  static async auto(options: AutoImageOptions = {}): Promise<ImageConfig> {
    const { configFile, imgName, ...places } = options;
    const file = typeof configFile === "string" ? await ConfigFile.read(configFile) : configFile;
    const configured = Object.entries(
      Images.getSpecifiedImages(file ?? (await ConfigFile.auto(places))),
    ).map(([name, uri]) => NamedImage.parse(name, uri, { allowNoTagOrDigest: true }));
    const given = imgName === undefined ? [] : [NamedImage.parse(defaultImageName, imgName)];
    return ImageConfig.#withDefaultFirst(overlay(configured, given));
  }

  /**
   * {@link ImageConfig.auto} with the image that {@link DefaultImages.defaultImage} gives.
   *
   * @example
   * ```ts
   * const { defaultImage } = await ImageConfig.autoDefaultImage();
   * ```
   */
  static async autoDefaultImage(
    options: Omit<AutoImageOptions, "imgName"> = {},
  ): Promise<ImageConfig> {
    return ImageConfig.auto({ ...options, imgName: await DefaultImages.defaultImage(options) });
  }

  /**
   * From what a command line gives: `name=identifier`, or `identifier` for the default image. Without one, the default
   * image is that of {@link DefaultImages.defaultImage}. Raises {@link DefinitionError}, naming `param`, for a value that
   * is neither, and for two default images.
   *
   * @example
   * ```ts
   * const images = await ImageConfig.validateImage(["acme/task:v1", "spark=acme/spark:v2"]);
   * ```
   */
  static async validateImage(
    values: readonly string[],
    { param = "--image", ...places }: ValidateImageOptions = {},
  ): Promise<ImageConfig> {
    const images = values.map((value) => {
      try {
        return parseImageValue(value);
      } catch (error) {
        if (!(error instanceof LamellaError)) throw error;
        const message = `${param} ${show(value)}: ${error.message}`;
        throw new DefinitionError(message, error.hint, { cause: error });
      }
    });
    if (images.every(({ name }) => name !== defaultImageName)) {
      const identifier = await DefaultImages.defaultImage(places);
      images.unshift(NamedImage.parse(defaultImageName, identifier));
    }
    return ImageConfig.#withDefaultFirst(images);
  }

  /**
   * From what {@link ImageConfig.toDict} gave. Raises {@link DefinitionError} and InvalidReferenceError for anything else.
   *
   * @example
   * ```ts
   * ImageConfig.fromDict({ default_image: null, images: [{ name: "spark", fqn: "acme/spark", tag: "v2", digest: null }] });
   * ```
   */
  static fromDict(data: ImageConfigData): ImageConfig {
    const what = "ImageConfig.fromDict";
    const known = requireOptions(data, what, ["default_image", "images"]);
    const list: unknown = known.images ?? [];
    if (!Array.isArray(list)) {
      throw new DefinitionError(`${what}: images is ${show(list)}.`, "Give a list of images.");
    }
    const images = list.map((each: unknown) => namedImage(each, `${what}: an image`));
    if (known.default_image === undefined || known.default_image === null) {
      return ImageConfig.createFrom(undefined, images);
    }
    const defaultImage = namedImage(known.default_image, `${what}: default_image`);
    const others = images.filter((one) => !isSame(one, defaultImage));
    return ImageConfig.createFrom(defaultImage, others);
  }

  /**
   * From what {@link ImageConfig.toJson}, or that of the Python SDK, gave. Raises {@link DefinitionError} and
   * InvalidReferenceError for anything else.
   *
   * @example
   * ```ts
   * ImageConfig.fromJson(await readFile("images.json", "utf8"));
   * ```
   */
  static fromJson(json: string | Uint8Array): ImageConfig {
    const text = typeof json === "string" ? json : new TextDecoder().decode(json);
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch (error) {
      throw new DefinitionError(
        `ImageConfig.fromJson: that is not JSON: ${(error as Error).message}.`,
        "Give what toJson gave.",
        { cause: error },
      );
    }
    return ImageConfig.fromDict(data as ImageConfigData);
  }

  /**
   * JSON Schema of what {@link ImageConfig.toDict} gives.
   *
   * @example
   * ```ts
   * console.log(JSON.stringify(ImageConfig.schema()));
   * ```
   */
  static schema(): object {
    return structuredClone(imageConfigSchema);
  }

  /**
   * The image of a name, the default one being looked at first; undefined when there is none.
   *
   * @example
   * ```ts
   * images.findImage("spark");
   * ```
   */
  findImage(name: string): NamedImage | undefined {
    return this.images.find((image) => image.name === name);
  }

  /**
   * Plain data, in the Python SDK's own names.
   *
   * @example
   * ```ts
   * images.toDict().default_image?.tag;
   * ```
   */
  toDict(): ImageConfigData {
    const { defaultImage, images } = this;
    return {
      default_image: defaultImage ? namedImageData(defaultImage) : null,
      images: images.map(namedImageData),
    };
  }

  /**
   * {@link ImageConfig.toDict} as text.
   *
   * @example
   * ```ts
   * await writeFile("images.json", images.toJson({ indent: 2 }));
   * ```
   */
  toJson({ indent }: { readonly indent?: number | string } = {}): string {
    return JSON.stringify(this.toDict(), undefined, indent);
  }

  static #withDefaultFirst(images: readonly NamedImage[]): ImageConfig {
    const [defaultImage, ...more] = images.filter(({ name }) => name === defaultImageName);
    const others = images.filter(({ name }) => name !== defaultImageName);
    return ImageConfig.createFrom(defaultImage, [...more, ...others]);
  }
}

/** Images, with others in place of those of the same name; the rest of the others at the end. */
export function overlay(
  images: readonly NamedImage[],
  others: readonly NamedImage[],
): readonly NamedImage[] {
  return [...new Map([...images, ...others].map((image) => [image.name, image])).values()];
}

function isSame(one: NamedImage, other: NamedImage): boolean {
  return one.name === other.name && one.full === other.full;
}
