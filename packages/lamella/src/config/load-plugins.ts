import { registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { LamellaError } from "../error.ts";
import type { Config } from "./config.ts";
import { PluginError } from "./error.ts";
import { type Plugin, registeredPlugins, requirePlugin } from "./plugin.ts";

/**
 * The plugins of this process, then those that the configuration names, in its order. Packages are found from the
 * configuration file's folder, or from `cwd` where there is none. Raises PluginError, naming the plugin, for one that
 * cannot be loaded or is none, and for two of one name.
 */
export async function loadPlugins(
  { plugins: specifiers, file }: Config,
  cwd: string,
): Promise<readonly Plugin[]> {
  const plugins = [...registeredPlugins()];
  const folder = file === undefined ? cwd : dirname(file);
  for (const specifier of specifiers) {
    const plugin = await loadPlugin(specifier, folder);
    const other = plugins.find(({ name }) => name === plugin.name);
    if (other && other !== plugin) {
      throw new PluginError(
        `The plugin ${specifier} is called ${plugin.name}, and so is another one.`,
        "Take one of them out of lamella.plugins in the configuration file.",
      );
    }
    if (!other) plugins.push(plugin);
  }
  return plugins;
}

async function loadPlugin(specifier: string, folder: string): Promise<Plugin> {
  let module: { readonly default?: unknown };
  try {
    module = await importFrom(specifier, folder);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const hint =
      error instanceof LamellaError
        ? error.hint
        : `lamella.plugins names it. Install it where the configuration file is (${folder}), or take it out there.`;
    throw new PluginError(`The plugin ${specifier} cannot be loaded: ${problem}`, hint, {
      cause: error,
    });
  }
  try {
    return requirePlugin(module.default, "the default export");
  } catch (error) {
    if (!(error instanceof LamellaError)) throw error;
    throw new PluginError(`The plugin ${specifier} is none: ${error.message}`, error.hint, {
      cause: error,
    });
  }
}

/** Imports a module as a file in `folder` would: only so its packages are found, whatever conditions they export under. */
async function importFrom(
  specifier: string,
  folder: string,
): Promise<{ readonly default?: unknown }> {
  const placeholder = `lamella-plugin:${specifier}`;
  const parentURL = pathToFileURL(join(folder, "lamella-plugins.js")).href;
  const hooks = registerHooks({
    resolve: (asked, context, next) =>
      asked === placeholder ? next(specifier, { ...context, parentURL }) : next(asked, context),
  });
  try {
    return (await import(placeholder)) as { readonly default?: unknown };
  } finally {
    hooks.deregister();
  }
}
