import { type Platform, platforms } from "../../image/platform.ts";
import type { Lock } from "../lock.ts";
import { machineName } from "../tags.ts";

/** The marker of a package that some platforms have and others not. */
export function platformsMarker(on: readonly Platform[]): string {
  return on.map(machineMarker).join(" or ");
}

/** The marker of the environment that a lock is for. */
export function environmentMarker(lock: Lock): string {
  return `sys_platform == 'linux' and ${machineMarker(lock.platform)} and implementation_name == 'cpython' and python_version == '${lock.python}'`;
}

/**
 * The platforms that a marker of {@link platformsMarker} names; undefined for any other: judging markers in general is
 * the resolver's job.
 */
export function markedPlatforms(marker: string): readonly Platform[] | undefined {
  const clauses = marker.split(" or ");
  const found = platforms.filter((platform) => clauses.includes(machineMarker(platform)));
  return found.length === new Set(clauses).size ? found : undefined;
}

function machineMarker(platform: Platform): string {
  return `platform_machine == '${machineName(platform)}'`;
}
