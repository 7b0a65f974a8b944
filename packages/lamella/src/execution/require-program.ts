import { resolve } from "node:path/posix";
import type { ContainerProcess } from "./container-process.ts";
import { CommandNotFoundError, MountError } from "./error.ts";
import { lookup } from "./layer-stack.ts";
import { resolvePath } from "./resolve-path.ts";
import type { Snapshot } from "./snapshot.ts";

/** What is mounted in every container: what is there, the image does not say. */
const mounted = /^(?:dev|proc|sys)(?:\/|$)/;

/**
 * Looks for a container's program as execvp(3) would, before anything is started: a runtime writes what it has to say of
 * a missing one among the output of the command. Raises {@link CommandNotFoundError}.
 */
export async function requireProgram(
  stack: readonly Snapshot[],
  { args: [program = ""], env, workdir }: ContainerProcess,
): Promise<void> {
  const folders = program.includes("/") ? [""] : (env["PATH"] ?? "").split(":");
  let found: string | undefined;
  for (const folder of folders) {
    const path = await resolvePath(stack, resolve(workdir, folder, program)).catch(notInCircles);
    if (path === undefined) continue;
    if (mounted.test(path)) return;
    const stats = (await lookup(stack, path))?.stats;
    if (stats?.isFile() && (stats.mode & 0o111) !== 0) return;
    if (stats !== undefined) found ??= `/${path}`;
  }
  const name = JSON.stringify(program);
  if (found !== undefined) {
    throw new CommandNotFoundError(
      `The image cannot run ${name}: ${found} is no executable file.`,
      "Run it by a program that reads it, as in: -- python train.py",
      126,
    );
  }
  const where = program.includes("/") ? "" : ` in its PATH (${folders.join(":")})`;
  throw new CommandNotFoundError(
    `The image has no program ${name}${where}.`,
    "Check the command's name, or add to the image what brings it.",
  );
}

/** A folder whose links lead in a circle has no programs. */
function notInCircles(error: unknown): undefined {
  if (!(error instanceof MountError)) throw error;
}
