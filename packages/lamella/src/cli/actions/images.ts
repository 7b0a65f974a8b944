import type { Config } from "../../config/config.ts";
import { explainDefaultImage } from "../../config/default-image/default-images.ts";
import { ImageConfig } from "../../config/image-config.ts";
import { defaultImageName, NamedImage } from "../../config/named-image.ts";
import { LamellaError } from "../../error.ts";
import type { CommonFlags, ImageFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { shownSource } from "../settings/setting-source.ts";
import { printable } from "../terminal/line.ts";
import { table } from "../terminal/table.ts";
import { loadSettings, warn } from "./settings.ts";

export interface ImagesFlags extends CommonFlags, ImageFlags {
  readonly json?: boolean;
}

/** An image with what says that it is the one of its name. */
interface ExplainedImage {
  readonly image: NamedImage;
  readonly source: string;
}

/** `lamella images`: name, image and what says so, the default image first. */
export async function imagesAction(
  this: CliContext,
  { config: file, image, json }: ImagesFlags,
): Promise<void> {
  const { process } = this;
  const config = await loadSettings(this, file, image);
  const named = namedImages(config, this);
  const defaultImage = named.find(isDefault) ?? (await fallback(config, this));
  const others = named.filter((one) => !isDefault(one));
  if (json) {
    const known = ImageConfig.createFrom(
      defaultImage?.image,
      others.map(({ image: one }) => one),
    );
    process.stdout.write(`${known.toJson({ indent: 2 })}\n`);
    return;
  }
  const rows = [defaultImage, ...others].flatMap((one) =>
    one ? [[one.image.name, one.image.full, one.source]] : [],
  );
  for (const row of table(rows, ["left", "left", "left"]))
    process.stdout.write(`${printable(row)}\n`);
}

function namedImages({ images, sources }: Config, { cwd }: CliContext): readonly ExplainedImage[] {
  return Object.entries(images).map(([name, uri]) => ({
    image: parse(name, uri),
    source: shownSource(sources.get(`images/${name}`), cwd),
  }));
}

function isDefault({ image }: ExplainedImage): boolean {
  return image.name === defaultImageName;
}

/** The image that nobody named; a warning where there is none, which keeps the others from nobody. */
async function fallback(config: Config, context: CliContext): Promise<ExplainedImage | undefined> {
  const { cwd, env } = context;
  try {
    const { image, decidedBy, answers } = await explainDefaultImage({ cwd, env, config });
    const source = answers.find(({ step }) => step === decidedBy)?.reason ?? decidedBy;
    return { image: parse(defaultImageName, image), source };
  } catch (error) {
    if (!(error instanceof LamellaError)) throw error;
    warn(`There is no default image. ${error.message}`, context);
    return undefined;
  }
}

function parse(name: string, uri: string): NamedImage {
  return NamedImage.parse(name, uri, { allowNoTagOrDigest: true });
}
