import { machinePlatform } from "../packages/lamella/src/image/platform.ts";
import { pushDebianBase } from "../packages/lamella/testing/debian-base.ts";
import { pythonVersion } from "./workload.ts";

/**
 * Puts the base into a registry: a small Debian with Python, from the machine's apt sources (some 30 s the first time).
 * Returns its reference there.
 */
export function pushBase(registry: string): Promise<string> {
  // With one more variable, as the official image has it, this is not the image that the label with its outline is
  // about: Lamella must read the layers, as it must of any public base.
  return pushDebianBase(registry, {
    python: true,
    platforms: [machinePlatform()],
    env: { PYTHON_VERSION: pythonVersion },
  });
}
