import { pathToFileURL } from "node:url";
import type { PythonIndexConfig } from "../../config/config.ts";
import {
  type IndexSettings,
  readIndexSettings,
  withCallSettings,
} from "../../python/package-index/settings.ts";
import type { Session } from "../session.ts";

/**
 * Where this machine gets packages: what the configuration says, before what the machine's own package clients are told.
 * It is no part of a definition, so a lock does not know it.
 */
export async function machineIndexes({
  config,
  env,
}: Pick<Session, "config" | "env">): Promise<IndexSettings> {
  return withCallSettings(await readIndexSettings({ env }), [configured(config.python)], env);
}

function configured({ findLinks, ...settings }: PythonIndexConfig): PythonIndexConfig {
  if (!findLinks) return settings;
  return {
    ...settings,
    findLinks: findLinks.map((link) => (link.includes("://") ? link : pathToFileURL(link).href)),
  };
}
