import type { BuildEvent, TaskKind, TaskOutcome } from "../packages/lamella/src/engine/event.ts";

/** A task of a build, from its events. Times are in milliseconds since the build began. */
export interface SeenTask {
  readonly id: number;
  readonly kind: TaskKind;
  readonly name: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: TaskOutcome | "failed";
  /** What a command wrote, line by line, and when. */
  readonly output: readonly { readonly at: number; readonly text: string }[];
}

/** The tasks of a build in the order in which they ended. */
export function tasksOf(events: readonly BuildEvent[]): readonly SeenTask[] {
  const started = new Map<number, Extract<BuildEvent, { kind: "task-started" }>>();
  const output = new Map<number, { at: number; text: string }[]>();
  return events.flatMap((event): SeenTask[] => {
    if (event.kind === "task-started") started.set(event.task.id, event);
    if (event.kind === "task-output") {
      const lines = output.get(event.id) ?? [];
      output.set(event.id, [...lines, { at: event.at, text: event.text }]);
    }
    if (event.kind !== "task-finished" && event.kind !== "task-failed") return [];
    const begun = started.get(event.id);
    if (!begun) return [];
    const { kind, name } = begun.task;
    return [
      {
        id: event.id,
        kind,
        name,
        startedAt: begun.at,
        endedAt: event.at,
        outcome: event.kind === "task-failed" ? "failed" : event.outcome,
        output: output.get(event.id) ?? [],
      },
    ];
  });
}

/** The commands that were run, in order. */
export function executed(events: readonly BuildEvent[]): readonly SeenTask[] {
  return tasksOf(events).filter(({ kind }) => kind === "execute");
}
