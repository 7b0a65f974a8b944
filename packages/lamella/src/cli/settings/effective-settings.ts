import type { Config, SettingSource } from "../../config/config.ts";
import type { machineIndexes } from "../../engine/resolve/machine-indexes.ts";
import { defaultStoreRoot } from "../../store/store-root.ts";

/** Who set a value: somebody whom {@link Config.sources} knows, the machine's own package clients, or nobody. */
export type EffectiveSource =
  | SettingSource
  | { readonly kind: "package-clients" }
  | { readonly kind: "default" };

/** One setting that commands work with. */
export interface EffectiveSetting {
  /** As a configuration file has it: `lamella.cache.to`. */
  readonly name: string;
  /** Absent where nothing is set and nothing is the default. Times are in milliseconds, sizes in bytes. */
  readonly value?: string | number | boolean | readonly string[];
  readonly source: EffectiveSource;
}

export interface SettingsContext {
  readonly config: Config;
  /** Those of the machine, with what the configuration says before them. Without credentials. */
  readonly indexes: Awaited<ReturnType<typeof machineIndexes>>;
  readonly env: NodeJS.ProcessEnv;
}

const byDefault: EffectiveSource = { kind: "default" };

/** Every setting, in the order of the help's example: what is set, and what holds where nothing is. */
export function effectiveSettings({
  config,
  indexes,
  env,
}: SettingsContext): readonly EffectiveSetting[] {
  const { sources } = config;
  const setting = (
    name: string,
    key: string,
    value: EffectiveSetting["value"],
    otherwise = byDefault,
  ): EffectiveSetting => ({
    name,
    ...(value !== undefined && { value }),
    source: sources.get(key) ?? (value === undefined ? byDefault : otherwise),
  });
  const clients: EffectiveSource = { kind: "package-clients" };
  const python = (key: string, value: EffectiveSetting["value"]): EffectiveSetting =>
    setting(`lamella.python.${key}`, `python/${key}`, value, clients);
  return [
    setting("image.registry", "defaultRegistry", config.defaultRegistry),
    setting("image.builder", "builder", config.builder ?? "local"),
    ...Object.entries(config.images).map(([name, uri]) =>
      setting(`images.${name}`, `images/${name}`, uri),
    ),
    ...Object.entries(config.registries).flatMap(([host, registry]) =>
      Object.entries(registry).map(([key, value]: [string, string | boolean]) =>
        setting(`lamella.registries.${host}.${key}`, `registries/${host}/${key}`, value),
      ),
    ),
    python("indexUrl", indexes.defaultIndex?.url),
    python("extraIndexUrls", urls(indexes.indexes)),
    python("findLinks", urls(indexes.findLinks)),
    python("noIndex", indexes.noIndex || undefined),
    setting("lamella.store", "storeRoot", config.storeRoot ?? defaultStoreRoot(env)),
    setting("lamella.cache.to", "cache/to", config.cache.to),
    setting("lamella.cache.from", "cache/from", config.cache.from),
    setting("lamella.steps.timeout", "steps/timeout", config.steps.timeout),
    setting("lamella.steps.memory", "steps/memory", config.steps.memory),
    setting("lamella.plugins", "plugins", config.plugins.length > 0 ? config.plugins : undefined),
  ];
}

function urls(list: readonly { readonly url: string }[]): readonly string[] | undefined {
  return list.length === 0 ? undefined : list.map(({ url }) => url);
}
