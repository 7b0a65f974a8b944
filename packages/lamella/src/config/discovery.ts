import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** Which generation of the Python SDK's rules says where a configuration file is sought. */
export type DiscoveryOrder = "v1" | "v2";

/** A place where a configuration file may be. */
export interface ConfigFilePlace {
  /** Absolute. */
  readonly path: string;
  /** The variable that names it; absent for a place that is looked at by custom. */
  readonly variable?: string;
}

export interface DiscoveryOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Only the places of one generation; those of both if absent. */
  readonly order?: DiscoveryOrder | undefined;
}

/**
 * The places where a configuration file is sought, the first one first: those of both generations of the Python SDK, in
 * an order that is each one's own where its places are concerned.
 *
 * | place | v1 | v2 |
 * | --- | --- | --- |
 * | `./config.yaml`, `./.flyte/config.yaml`, `<git root>/.flyte/config.yaml`, `$UCTL_CONFIG` | | yes |
 * | `$FLYTECTL_CONFIG` | yes | yes |
 * | `~/.union/config.yaml` | | yes |
 * | `./flytekit.config`, `~/.flyte/config` | yes | |
 * | `~/.flyte/config.yaml` | yes | yes |
 */
export function configFilePlaces({
  cwd,
  env,
  order,
}: DiscoveryOptions): readonly ConfigFilePlace[] {
  const home = env["HOME"];
  const gitRoot = findGitRoot(cwd);
  const v1: readonly DiscoveryOrder[] = ["v1"];
  const v2: readonly DiscoveryOrder[] = ["v2"];
  const both: readonly DiscoveryOrder[] = ["v1", "v2"];
  const inHome = (path: string): ConfigFilePlace | undefined =>
    home ? { path: join(home, path) } : undefined;
  const named = (variable: string): ConfigFilePlace | undefined => {
    const path = env[variable];
    // An empty variable is an unset one, as shells have it.
    return path ? { path: resolve(cwd, path), variable } : undefined;
  };
  const places: readonly (readonly [readonly DiscoveryOrder[], ConfigFilePlace | undefined])[] = [
    [v2, { path: join(cwd, "config.yaml") }],
    [v2, { path: join(cwd, ".flyte/config.yaml") }],
    [v2, gitRoot === undefined ? undefined : { path: join(gitRoot, ".flyte/config.yaml") }],
    [v2, named("UCTL_CONFIG")],
    [both, named("FLYTECTL_CONFIG")],
    [v2, inHome(".union/config.yaml")],
    [v1, { path: join(cwd, "flytekit.config") }],
    [v1, inHome(".flyte/config")],
    [both, inHome(".flyte/config.yaml")],
  ];
  return places.flatMap(([orders, place]) =>
    place && (order === undefined || orders.includes(order)) ? [place] : [],
  );
}

/** The nearest folder with `.git`, which is a file in a linked work tree. */
function findGitRoot(folder: string): string | undefined {
  if (existsSync(join(folder, ".git"))) return folder;
  const parent = dirname(folder);
  return parent === folder ? undefined : findGitRoot(parent);
}
