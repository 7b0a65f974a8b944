import type { ProgressRenderer } from "./renderer.ts";

/**
 * Shows a build without its pushes. A renderer takes no notice of what becomes of a task whose start it was not told.
 */
export function withoutPushes(renderer: ProgressRenderer): ProgressRenderer {
  return {
    event: (event) => {
      if (event.kind !== "task-started" || event.task.kind !== "push") renderer.event(event);
    },
    [Symbol.dispose]: () => renderer[Symbol.dispose](),
  };
}
