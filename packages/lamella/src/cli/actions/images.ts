import type { Config } from "../../config/config.ts";
import {
  type DefaultImageOptions,
  explainDefaultImage,
} from "../../config/default-image/default-images.ts";
import { ImageConfig } from "../../config/image-config.ts";
import { defaultImageName, NamedImage } from "../../config/named-image.ts";
import type { CommonFlags, ImageFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { shownSource } from "../settings/setting-source.ts";
import { printable } from "../terminal/line.ts";
import { table } from "../terminal/table.ts";
import { loadSettings } from "./settings.ts";

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
  const [defaultImage, ...others] = await explainedImages(config, this);
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

async function explainedImages(
  config: Config,
  { cwd, env }: CliContext,
): Promise<readonly ExplainedImage[]> {
  const { images, sources } = config;
  const named = Object.entries(images).map(([name, uri]): ExplainedImage => {
    const source = shownSource(sources.get(`images/${name}`), cwd);
    return { image: parse(name, uri), source };
  });
  const isDefault = ({ image }: ExplainedImage): boolean => image.name === defaultImageName;
  const configured = named.find(isDefault);
  return [
    configured ?? (await fallback({ cwd, env, config })),
    ...named.filter((one) => !isDefault(one)),
  ];
}

async function fallback(options: DefaultImageOptions): Promise<ExplainedImage> {
  const { image, decidedBy, answers } = await explainDefaultImage(options);
  const source = answers.find(({ step }) => step === decidedBy)?.reason ?? decidedBy;
  return { image: parse(defaultImageName, image), source };
}

function parse(name: string, uri: string): NamedImage {
  return NamedImage.parse(name, uri, { allowNoTagOrDigest: true });
}
