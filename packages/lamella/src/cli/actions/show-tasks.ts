import type { BuildEvent } from "../../engine/event.ts";
import type { CliContext } from "../context.ts";
import { namedEvent } from "../definition/named-image.ts";
import { chooseRenderer, type ProgressMode } from "../progress/choose-renderer.ts";

/**
 * Does work that has an answer of its own, and shows meanwhile what goes on: live in a terminal, else nothing but
 * warnings. `image` is what hints name, if it is of a definition file.
 */
export async function showTasks<T>(
  { process, env, signal }: CliContext,
  image: string | undefined,
  work: (emit: (event: BuildEvent) => void) => Promise<T>,
  mode: ProgressMode = process.stderr.isTTY ? "auto" : "quiet",
): Promise<T> {
  const { stdout, stderr } = process;
  using renderer = chooseRenderer(mode, { stdout, stderr, env });
  try {
    return await work((event) =>
      renderer.event(image === undefined ? event : namedEvent(event, image)),
    );
  } catch (error) {
    // Whatever interrupted work says of itself, the interruption is why it failed.
    signal.throwIfAborted();
    throw error;
  }
}
