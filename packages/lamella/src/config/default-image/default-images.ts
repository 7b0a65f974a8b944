import type { Config } from "../config.ts";
import type * as Decide from "./decide.ts";
import type * as Find from "./find-image.ts";
import type { FindImageOptions } from "./find-image.ts";

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
    return (await deciding()).decide(options);
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
    const { image } = await (await finding()).findImage(options);
    return image;
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
    return (await finding()).findVersionSuffix(options);
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
  return (await deciding()).explain(options);
}

/** Loaded late: definitions import `lamella` for Image, and few of them ask for a default image. */
function deciding(): Promise<typeof Decide> {
  return import("./decide.ts");
}

function finding(): Promise<typeof Find> {
  return import("./find-image.ts");
}
