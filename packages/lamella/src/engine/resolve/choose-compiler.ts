import type { Platform } from "../../image/platform.ts";
import { type Compiler, findCompiler } from "../../python/bytecode.ts";
import type { ImageRequest } from "../image-request.ts";
import type { Session } from "../session.ts";
import { LockError } from "./error.ts";
import type { InstallPrefix } from "./install-prefix.ts";

/**
 * The interpreter of this machine that compiles the image's bytecode: of the same minor version, the base's own patch
 * release preferred, or the one that the lock names. Nothing, with a warning, where there is none. Raises LockError under
 * `locked` when it is not the lock's, since other bytes would come out.
 */
export async function chooseCompiler(
  request: ImageRequest,
  platform: Platform,
  { target, version }: InstallPrefix,
  { env, journal, signal }: Session,
): Promise<Compiler | undefined> {
  const { lock, options } = request;
  const locked = options.upgrade ? undefined : lock?.image.platforms[platform];
  const preferred = locked?.compiler?.version ?? version;
  const found = await findCompiler({
    python: target.python,
    ...(preferred === undefined ? {} : { preferred }),
    env,
    signal,
  });
  if (locked && locked.compiler?.version !== found?.version) {
    const was = locked.compiler ? `Python ${locked.compiler.version}` : "no compiler";
    const is = found ? `Python ${found.version}` : `no Python ${target.python}`;
    const message = `The lock was made with ${was} for bytecode, and this machine has ${is}.`;
    const hint = `Install Python ${locked.compiler?.version ?? target.python} here, or write the lock anew: lamella lock FILE.`;
    if (options.locked) throw new LockError(message, hint);
    journal.warn("compiler-differs", `${message} The image's digest will differ.`, hint);
  }
  if (!found) {
    journal.warn(
      "bytecode-missing",
      `No Python ${target.python} on this machine: the image gets no bytecode, and programs start more slowly.`,
      `Install Python ${target.python} (apt-get install python${target.python}, or uv python install ${target.python}).`,
    );
  }
  return found;
}
