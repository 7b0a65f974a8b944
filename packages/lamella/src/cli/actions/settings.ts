import { join } from "node:path";
import { type Config, loadConfig, withNamedImages } from "../../config/config.ts";
import { ImageConfig } from "../../config/image-config.ts";
import type { NamedImage } from "../../config/named-image.ts";
import { defaultStoreRoot } from "../../store/store-root.ts";
import type { CliContext } from "../context.ts";
import { hookModules } from "../definition/module-hooks.ts";
import { warningLines } from "../progress/warning-lines.ts";
import { paintLine } from "../terminal/line.ts";
import { painter, wantsColor } from "../terminal/paint.ts";

/**
 * The settings that a command works with, `images` being what `--image` gave; what is wrong in their file without being an
 * error goes to stderr.
 */
export async function loadSettings(
  { cwd, env, process }: CliContext,
  file: string | undefined,
  images: readonly NamedImage[] = [],
): Promise<Config> {
  const config = await loadConfig({ cwd, env, ...(file === undefined ? {} : { file }) });
  const paint = painter(wantsColor(process.stderr, env));
  for (const { file: path, line, column, message } of config.warnings) {
    for (const text of warningLines({ message: `${path}:${line}:${column}: ${message}` })) {
      process.stderr.write(`${paintLine(text, paint)}\n`);
    }
  }
  // So that a plugin's `import "lamella"` is this program's own copy, as a definition's is.
  if (config.plugins.length > 0) hookModules(join(defaultStoreRoot(env), "stripped-types"));
  const { images: given } = ImageConfig.createFrom(undefined, images);
  return withNamedImages(config, given, "--image");
}
