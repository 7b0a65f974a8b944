import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { BenchError } from "./bench-error.ts";
import { cachedFolder } from "./cache-folder.ts";
import { run } from "./process.ts";
import { pythonVersion, type Workload } from "./workload.ts";

/** A folder of wheels: all that both builders get to know of the world's packages. */
export interface WheelFolder {
  readonly path: string;
  readonly files: readonly string[];
  /** Of all files together. */
  readonly bytes: number;
}

/** The wheels of a workload, fetched by the machine's own pip with its own settings the first time, and kept. */
export async function wheelFolder(
  workload: Workload,
  cache: string,
  signal: AbortSignal,
): Promise<WheelFolder> {
  const path = await cachedFolder(cache, `wheels-${workload.name}`, async (folder) => {
    await download(workload.packages, folder, signal);
    const before = await readdir(folder);
    if (before.some((file) => distribution(file) === workload.oneMore)) {
      throw new BenchError(
        `One of ${workload.packages.join(", ")} needs ${workload.oneMore} by now: choose another package to add.`,
      );
    }
    await download([workload.oneMore], folder, signal);
  });
  const files = (await readdir(path)).sort();
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(path, file))).size));
  return { path, files, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

async function download(
  packages: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const what = ["--only-binary=:all:", "--python-version", pythonVersion, "--dest", folder];
  const quietly = ["--quiet", "--disable-pip-version-check", "--no-input"];
  await run("python3", ["-m", "pip", "download", ...quietly, ...what, ...packages], { signal });
}

/** As the file name has it (PEP 427); good enough for names without punctuation. */
function distribution(file: string): string | undefined {
  return file.split("-")[0]?.toLowerCase();
}
