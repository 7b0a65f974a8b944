import { LamellaError } from "../../error.ts";
import { show } from "../../image/argument.ts";
import { parseReference } from "../../image/reference.ts";
import { type Config, loadConfig } from "../config.ts";
import { DefaultImageError, PluginError } from "../error.ts";
import { loadPlugins } from "../load-plugins.ts";
import type { Plugin } from "../plugin.ts";
import {
  type FindImageOptions,
  type FoundImage,
  findImage,
  findVersionSuffix,
} from "./find-image.ts";

/** Who may say what the default image is, in the order in which they are asked. */
export type DefaultImageStep = "plugin" | "environment" | "detection";

/** What one of them says. */
export interface DefaultImageAnswer {
  readonly step: DefaultImageStep;
  /** Absent where it says none. */
  readonly image?: string;
  /** How it comes to say that, for people. */
  readonly reason: string;
}

/** What {@link explainDefaultImage} gives. */
export interface DefaultImageExplanation {
  readonly image: string;
  readonly decidedBy: DefaultImageStep;
  /** Of all that were asked, in order. */
  readonly answers: readonly DefaultImageAnswer[];
}

/** Options of {@link DefaultImages.defaultImage}. */
export interface DefaultImageOptions extends Pick<FindImageOptions, "cwd" | "env"> {
  /** Names the plugins; the settings that {@link loadConfig} finds if absent. */
  readonly config?: Config | undefined;
}

/** Variables that say the default image: the name that the Python SDK documents, and the one that it reads. */
const variables = ["FLYTE_INTERNAL_IMAGE_ENV_VAR", "FLYTE_INTERNAL_IMAGE"];

/** The default image, as the Python SDK calls what finds it. */
export const DefaultImages = {
  /**
   * The image for tasks that name none: what a plugin says, else the variable `FLYTE_INTERNAL_IMAGE_ENV_VAR` (or
   * `FLYTE_INTERNAL_IMAGE`), else {@link DefaultImages.findImageFor}. Raises PluginError, DefaultImageError, and what
   * finding an image raises.
   *
   * @example
   * ```ts
   * const image = Image.fromBase(await DefaultImages.defaultImage(), { name: "task" });
   * ```
   */
  async defaultImage(options: DefaultImageOptions = {}): Promise<string> {
    const { image } =
      (await askPlugins(options)) ?? askEnvironment(options) ?? (await detect(options));
    return image;
  },

  /**
   * The published image with Flyte for a version of Python and one of the Python SDK: `flytekitVersion` gives
   * `cr.flyte.org/flyteorg/flytekit:py3.11-1.10.0`, `flyteVersion` gives `ghcr.io/flyteorg/flyte:py3.11-v2.0.0`. What is
   * absent is found: the Python that `.python-version` or `requires-python` says, else `python3` on PATH; the SDK in the
   * project's lock, else in that Python, else flytekit's `latest`. Raises PythonVersionError for a Python that there is no
   * image for, and DefaultImageError.
   *
   * @example
   * ```ts
   * await DefaultImages.findImageFor({ pythonVersion: PythonVersion.PYTHON_3_11, flytekitVersion: "1.10.0" });
   * ```
   */
  async findImageFor(options: FindImageOptions = {}): Promise<string> {
    return (await findImage(options)).image;
  },

  /**
   * What the name of an image with flytekit ends in: the version without its `v`, and `latest` for a development version
   * that is installed, or where none is.
   *
   * @example
   * ```ts
   * await DefaultImages.getVersionSuffix(); // "1.10.0"
   * ```
   */
  async getVersionSuffix(
    options: Pick<FindImageOptions, "flytekitVersion" | "cwd" | "env"> = {},
  ): Promise<string> {
    return findVersionSuffix(options);
  },
} as const;

/**
 * The default image, who decided it, and what the others would have said. Raises what {@link DefaultImages.defaultImage}
 * raises.
 *
 * @example
 * ```ts
 * const { image, decidedBy } = await explainDefaultImage();
 * ```
 */
export async function explainDefaultImage(
  options: DefaultImageOptions = {},
): Promise<DefaultImageExplanation> {
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
