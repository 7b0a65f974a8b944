import { LamellaError } from "../../error.ts";
import { show } from "../../image/argument.ts";
import { parseReference } from "../../image/reference.ts";
import { loadConfig } from "../config.ts";
import { DefaultImageError, PluginError } from "../error.ts";
import { loadPlugins } from "../load-plugins.ts";
import type { Plugin } from "../plugin.ts";
import type {
  DefaultImageAnswer,
  DefaultImageExplanation,
  DefaultImageOptions,
} from "./default-images.ts";
import { type FoundImage, findImage } from "./find-image.ts";

/** Variables that say the default image: the name that the Python SDK documents, and the one that it reads. */
const variables = ["FLYTE_INTERNAL_IMAGE_ENV_VAR", "FLYTE_INTERNAL_IMAGE"];

/** See {@link DefaultImages.defaultImage}. */
export async function decide(options: DefaultImageOptions): Promise<string> {
  const said = (await askPlugins(options)) ?? askEnvironment(options) ?? (await detect(options));
  return said.image;
}

/** See {@link explainDefaultImage}. */
export async function explain(options: DefaultImageOptions): Promise<DefaultImageExplanation> {
  const plugin = await askPlugins(options);
  const environment = askEnvironment(options);
  const earlier = plugin ?? environment;
  const detection = await detect(options).catch((error: unknown) => {
    if (!earlier || !(error instanceof LamellaError)) throw error;
    return { step: "detection" as const, reason: error.message };
  });
  const { step, image } = earlier ?? (detection as SaidImage);
  return {
    image,
    decidedBy: step,
    answers: [
      plugin ?? { step: "plugin", reason: "no plugin says one" },
      environment ?? { step: "environment", reason: `${variables.join(" and ")} are not set` },
      detection,
    ],
  };
}

/** An answer that says an image. */
type SaidImage = DefaultImageAnswer & { readonly image: string };

async function askPlugins({
  cwd = process.cwd(),
  env = process.env,
  config,
}: DefaultImageOptions): Promise<SaidImage | undefined> {
  for (const plugin of await loadPlugins(config ?? (await loadConfig({ cwd, env })), cwd)) {
    const image = await askPlugin(plugin);
    if (image !== undefined) return { step: "plugin", image, reason: `the plugin ${plugin.name}` };
  }
  return undefined;
}

async function askPlugin({ name, defaultImage }: Plugin): Promise<string | undefined> {
  let image: unknown;
  try {
    image = await defaultImage?.();
    if (image === undefined || image === null) return undefined;
    if (typeof image !== "string") throw new TypeError(`it is ${show(image)}, not text.`);
    parseReference(image);
    return image;
  } catch (error) {
    const problem = error instanceof Error ? error.message : show(error);
    throw new PluginError(
      `The plugin ${name} gives no default image: ${problem}`,
      "Mend or update the plugin, or take it out of the configuration.",
      { cause: error },
    );
  }
}

function askEnvironment({ env = process.env }: DefaultImageOptions): SaidImage | undefined {
  // An empty variable is an unset one, as shells have it.
  const variable = variables.find((name) => env[name]);
  const image = variable === undefined ? undefined : env[variable];
  if (variable === undefined || image === undefined) return undefined;
  try {
    parseReference(image);
  } catch (error) {
    if (!(error instanceof LamellaError)) throw error;
    throw new DefaultImageError(`The variable ${variable}: ${error.message}`, error.hint, {
      cause: error,
    });
  }
  return { step: "environment", image, reason: `the variable ${variable}` };
}

async function detect(options: DefaultImageOptions): Promise<SaidImage> {
  const found = await findImage(options);
  return { step: "detection", image: found.image, reason: foundBy(found) };
}

/** What an image was found by, for people. */
export function foundBy({ python, flyte }: FoundImage): string {
  const version = flyte.version === undefined ? "" : ` ${flyte.version}`;
  return `Python ${python.version} (${python.source}), ${flyte.package}${version} (${flyte.source})`;
}
