import { join } from "node:path";
import { BenchError } from "./bench-error.ts";
import { cachedFolder } from "./cache-folder.ts";
import { run } from "./process.ts";

/** The newest whose Go modules are to be had wherever this was tried. */
export const buildkitVersion = "0.30.0";

export interface BuildkitPrograms {
  readonly buildkitd: string;
  readonly buildctl: string;
}

/** BuildKit's daemon and client, built from their Go modules the first time (some minutes), and kept. */
export async function buildkitPrograms(
  cache: string,
  signal: AbortSignal,
): Promise<BuildkitPrograms> {
  const path = await cachedFolder(cache, `buildkit-${buildkitVersion}`, async (folder) => {
    await requireGo(signal);
    const commands = ["buildkitd", "buildctl"].map(
      (name) => `github.com/moby/buildkit/cmd/${name}`,
    );
    const here = { cwd: folder, signal };
    await run("go", ["mod", "init", "scratch"], here);
    await run("go", ["get", ...commands.map((name) => `${name}@v${buildkitVersion}`)], here);
    await run("go", ["build", "-o", folder, ...commands], here);
  });
  return { buildkitd: join(path, "buildkitd"), buildctl: join(path, "buildctl") };
}

async function requireGo(signal: AbortSignal): Promise<void> {
  try {
    await run("go", ["version"], { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new BenchError(
      `BuildKit ${buildkitVersion} is built from its Go modules, and there is no Go here. Install Go 1.25 or newer, or measure Lamella alone: --builders lamella`,
      { cause: error },
    );
  }
}
