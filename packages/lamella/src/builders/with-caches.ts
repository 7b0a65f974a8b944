import type { Config } from "../config/config.ts";
import type { BuildOptions } from "./builder.ts";

/** The settings with the caches that the options name in place of their own. */
export function withCaches(
  config: Config,
  { cacheTo: to, cacheFrom: from }: Pick<BuildOptions, "cacheTo" | "cacheFrom">,
): Config {
  const named = { ...(to !== undefined && { to }), ...(from && { from }) };
  return { ...config, cache: { ...config.cache, ...named } };
}
