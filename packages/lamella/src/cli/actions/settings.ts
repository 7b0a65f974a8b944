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
  context: CliContext,
  file: string | undefined,
  images: readonly NamedImage[] = [],
): Promise<Config> {
  const { cwd, env } = context;
  const config = await loadConfig({ cwd, env, ...(file === undefined ? {} : { file }) });
  for (const { file: path, line, column, message } of config.warnings) {
    warn(`${path}:${line}:${column}: ${message}`, context);
  }
  // So that a plugin's `import "lamella"` is this program's own copy, as a definition's is.
  if (config.plugins.length > 0) hookModules(join(defaultStoreRoot(env), "stripped-types"));
  const { images: given } = ImageConfig.createFrom(undefined, images);
  return withNamedImages(config, given, "--image");
}

/** Writes a warning to stderr. */
export function warn(message: string, { process: { stderr }, env }: CliContext): void {
  const paint = painter(wantsColor(stderr, env));
  for (const line of warningLines({ message })) stderr.write(`${paintLine(line, paint)}\n`);
}
