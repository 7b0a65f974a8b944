import type { ImageDefinition } from "./definition.ts";

/** What a definition says about how its image is run, beside environment and working directory. What it does not say is absent. */
export interface RuntimeSettings {
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Labels add up; of user and entrypoint the last one holds. With a new entrypoint, the base's command is gone. */
export function runtimeSettings({ user, layers }: ImageDefinition): RuntimeSettings {
  let settings: RuntimeSettings = { ...(user ? { user: user.name } : {}), labels: {} };
  for (const layer of layers) {
    if (layer.kind === "user") settings = { ...settings, user: layer.user };
    else if (layer.kind === "entrypoint") {
      const { entrypoint, command = [] } = layer;
      settings = { ...settings, entrypoint, command };
    } else if (layer.kind === "labels") {
      settings = { ...settings, labels: { ...settings.labels, ...layer.labels } };
    }
  }
  return settings;
}
