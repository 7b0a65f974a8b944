import { existsSync } from "node:fs";
import { configFilePlaces } from "../../config/discovery.ts";
import { machineIndexes } from "../../engine/resolve/machine-indexes.ts";
import type { CommonFlags, ImageFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import {
  type EffectiveSetting,
  type EffectiveSource,
  effectiveSettings,
} from "../settings/effective-settings.ts";
import { shownPath, shownSource } from "../settings/setting-source.ts";
import { printable } from "../terminal/line.ts";
import { formatBytes } from "../terminal/quantity.ts";
import { table } from "../terminal/table.ts";
import { loadSettings } from "./settings.ts";

export interface ConfigFlags extends CommonFlags, ImageFlags {
  readonly json?: boolean;
}

/** `lamella config`: every setting with its value and who set it; then which file was read, and which were not. */
export async function configAction(
  this: CliContext,
  { config: named, image, json }: ConfigFlags,
): Promise<void> {
  const { cwd, env, process } = this;
  const config = await loadSettings(this, named, image);
  const indexes = await machineIndexes({ config, env });
  const settings = effectiveSettings({ config, indexes, env });
  if (json) {
    const { file = null } = config;
    process.stdout.write(`${JSON.stringify({ file, settings }, undefined, 2)}\n`);
    return;
  }
  const rows = settings.map(({ name, value, source }) => [
    name,
    shownValue(name, value),
    value === undefined ? "not set" : shownEffectiveSource(source, cwd),
  ]);
  const lines = [...table(rows, ["left", "left", "left"]), "", ...fileLines(config.file, this)];
  for (const line of lines) process.stdout.write(`${printable(line)}\n`);
}

function shownValue(name: string, value: EffectiveSetting["value"]): string {
  if (value === undefined) return "-";
  if (typeof value !== "number") return String(value).replaceAll(",", ", ");
  return name.endsWith("memory") ? formatBytes(value) : `${value / 1000} s`;
}

function shownEffectiveSource(source: EffectiveSource, cwd: string): string {
  if (source.kind === "default") return "default";
  return source.kind === "package-clients"
    ? "uv's or pip's own settings"
    : shownSource(source, cwd);
}

function fileLines(read: string | undefined, { cwd, env }: CliContext): readonly string[] {
  const others = configFilePlaces({ cwd, env })
    .map(({ path }) => path)
    .filter((path, at, all) => path !== read && all.indexOf(path) === at && existsSync(path));
  return [
    read === undefined ? "There is no configuration file." : `Read: ${shownPath(read, cwd)}`,
    ...others.map((path) => `Not read, since only one file is: ${shownPath(path, cwd)}`),
  ];
}
