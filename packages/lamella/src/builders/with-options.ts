import type { Config } from "../config/config.ts";
import type { BuildOptions } from "./builder.ts";

/** The settings with what the options say in place of their own: caches, and limits of what is executed. */
export function withOptions(
  config: Config,
  { cacheTo: to, cacheFrom: from, stepLimits }: BuildOptions,
): Config {
  return {
    ...config,
    cache: { ...config.cache, ...(to !== undefined && { to }), ...(from && { from }) },
    steps: { ...config.steps, ...stepLimits },
  };
}
