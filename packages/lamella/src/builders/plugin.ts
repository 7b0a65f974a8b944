import { PluginError } from "../config/error.ts";
import { type Plugin as ConfiguredPlugin, registerPlugin as register } from "../config/plugin.ts";
import { Build } from "../engine/build.ts";
import { LamellaError } from "../error.ts";
import type { Builder, BuildOptions } from "./builder.ts";

/**
 * What an organization adds: a default image, a builder, or both. It is registered in code ({@link registerPlugin}), or is
 * the default export of a package that `lamella.plugins` in the configuration names.
 *
 * @example
 * ```ts
 * const plugin: Plugin = { name: "acme", defaultImage: () => "ghcr.io/acme/python:3.12-v4" };
 * ```
 */
export type Plugin = ConfiguredPlugin<Builder>;

/**
 * Adds a plugin to this process, until what it gives is disposed of. Of several, the one that was added first is asked
 * first for a default image; a builder is taken where `image.builder` or an option names the plugin. Raises DefinitionError
 * for what is no plugin, and for a second one of the same name.
 *
 * @example
 * ```ts
 * registerPlugin({ name: "acme", defaultImage: () => "ghcr.io/acme/python:3.12-v4" });
 * ```
 */
export function registerPlugin(plugin: Plugin): Disposable {
  return register(plugin);
}

/** The builder of a plugin; whatever it throws is a PluginError that names the plugin. */
export function pluginBuilder(name: string, builder: Builder): Builder {
  const guarded = async <T>(options: BuildOptions, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      // Cancelled, it did what was asked of it.
      options.signal?.throwIfAborted();
      throw failure(name, error);
    }
  };
  return {
    name,
    build: (image, options) =>
      new Build((emit) =>
        guarded(options, async () => {
          const building = builder.build(image, options);
          for await (const event of building) emit(event);
          return await building;
        }),
      ),
    plan: (image, options) => guarded(options, () => builder.plan(image, options)),
    check: (image, options) => guarded(options, () => builder.check(image, options)),
    lock: (image, options) => guarded(options, () => builder.lock(image, options)),
  };
}

function failure(name: string, error: unknown): PluginError {
  const problem = error instanceof Error ? error.message : String(error);
  const hint =
    error instanceof LamellaError
      ? error.hint
      : "Mend or update the plugin; or build without it: --builder local";
  return new PluginError(`The plugin ${name}: ${problem}`, hint, { cause: error });
}
