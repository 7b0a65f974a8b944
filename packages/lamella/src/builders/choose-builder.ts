import { type Config, loadConfig } from "../config/config.ts";
import { loadPlugins } from "../config/load-plugins.ts";
import type { Builder, BuildOptions, WithConfig } from "./builder.ts";
import { BuilderError } from "./error.ts";
import { pluginBuilder } from "./plugin.ts";

/** Who builds, and with which settings. */
export interface ChosenBuilder<Options> {
  readonly builder: Builder;
  readonly options: WithConfig<Options>;
}

/**
 * The builder that the options name, else the configuration, else the local one. It is loaded only now: definitions import
 * `lamella` for Image alone, and what builds (a registry client, schemas, parsers) takes longer to load than all else that
 * `lamella id` does. Raises BuilderError, PluginError, and what {@link loadConfig} raises.
 */
export async function chooseBuilder<Options extends BuildOptions>(
  options: Options,
): Promise<ChosenBuilder<Options>> {
  const config = options.config ?? (await loadConfig({ cwd: process.cwd(), env: process.env }));
  const builder = await findBuilder(options.builder ?? config.builder ?? "local", config);
  return { builder, options: { ...options, config } };
}

async function findBuilder(name: string, config: Config): Promise<Builder> {
  if (name === "local") return (await import("./native.ts")).nativeBuilder;
  if (name === "remote") {
    throw new BuilderError(
      "The builder is to be remote, and this Lamella builds on this machine.",
      "Build here: --builder local, or lamella: { builder: local } in the configuration file, which goes before image.builder.",
    );
  }
  const plugins = (await loadPlugins(config, process.cwd())).filter(({ builder }) => builder);
  const plugin = plugins.find((one) => one.name === name);
  if (plugin) return pluginBuilder(name, plugin.builder as Builder);
  const known = ["local", ...plugins.map((one) => one.name)].join(", ");
  throw new BuilderError(
    `There is no builder ${name}.`,
    `There is: ${known}. Others come with a plugin, which lamella.plugins in the configuration file names.`,
  );
}
