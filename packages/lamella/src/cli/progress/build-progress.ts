import type { BuildEvent, Task, TaskKind } from "../../engine/event.ts";
import { printable, printableOutput } from "../terminal/line.ts";

/** A task under way. Times are in milliseconds since the build began, sizes in bytes. */
export interface RunningTask extends Task {
  readonly startedAt: number;
  readonly done: number;
  /** The last lines that it wrote. */
  readonly output: readonly string[];
}

/** Lines of a running command that are shown. */
const outputLines = 4;

/** All tasks of one kind so far: what a live display has a line for. */
export interface TaskGroup {
  readonly kind: TaskKind;
  /** Of the first task: a group of one is shown by its name. */
  readonly name: string;
  readonly detail?: string;
  readonly running: readonly RunningTask[];
  readonly finished: number;
  /** Of the finished ones, how many needed no work. */
  readonly cached: number;
  readonly exists: number;
  readonly mounted: number;
  readonly failed: number;
  /** Moved or made by finished tasks that did work. */
  readonly bytes: number;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** What a build's events amount to at one moment. Everything in it can be shown: names are free of control characters. */
export interface BuildSnapshot {
  readonly uri?: string;
  readonly groups: readonly TaskGroup[];
  /** The platforms that have been planned. */
  readonly platforms: ReadonlySet<string>;
  readonly outcome: "running" | "finished" | "failed";
  /** Of the last event. */
  readonly at: number;
}

export const emptyBuild: BuildSnapshot = {
  groups: [],
  platforms: new Set(),
  outcome: "running",
  at: 0,
};

/** The snapshot after one more event. */
export function advance(build: BuildSnapshot, event: BuildEvent): BuildSnapshot {
  const next = { ...build, at: event.at };
  switch (event.kind) {
    case "started":
      return { ...next, uri: printable(event.uri) };
    case "planned":
      return { ...next, platforms: new Set([...build.platforms, event.plan.platform]) };
    case "task-started":
      return { ...next, groups: start(build.groups, event.task, event.at) };
    case "task-progress":
      return { ...next, groups: withTask(build.groups, event.id, (group) => move(group, event)) };
    case "task-output":
      return { ...next, groups: withTask(build.groups, event.id, (group) => hear(group, event)) };
    case "task-finished":
      return { ...next, groups: withTask(build.groups, event.id, (group) => finish(group, event)) };
    case "task-failed":
      return {
        ...next,
        groups: withTask(build.groups, event.id, (group) => ({
          ...without(group, event.id, event.at),
          failed: group.failed + 1,
        })),
      };
    case "warning":
      return next;
    case "finished":
      return { ...next, outcome: "finished" };
    case "failed":
      return { ...next, outcome: "failed" };
  }
}

/** The order in which a build is told, whatever begins first. */
const pipeline: readonly TaskKind[] = [
  "cache",
  "base",
  "resolve",
  "sources",
  "fetch",
  "unpack",
  "execute",
  "layer",
  "push",
  "publish",
];

function start(groups: readonly TaskGroup[], task: Task, at: number): readonly TaskGroup[] {
  const name = printable(task.name);
  const running: RunningTask = { ...task, name, startedAt: at, done: 0, output: [] };
  const known = groups.find(({ kind }) => kind === task.kind);
  if (known) {
    const more = { ...known, running: [...known.running, running], endedAt: at };
    return groups.map((group) => (group === known ? more : group));
  }
  const fresh = {
    kind: task.kind,
    name,
    running: [running],
    finished: 0,
    cached: 0,
    exists: 0,
    mounted: 0,
    failed: 0,
    bytes: 0,
    startedAt: at,
    endedAt: at,
  };
  return [...groups, fresh].sort((a, b) => pipeline.indexOf(a.kind) - pipeline.indexOf(b.kind));
}

/** Applies `change` to the group that runs the task; a task that nobody has started changes nothing. */
function withTask(
  groups: readonly TaskGroup[],
  id: number,
  change: (group: TaskGroup) => TaskGroup,
): readonly TaskGroup[] {
  return groups.map((group) =>
    group.running.some((task) => task.id === id) ? change(group) : group,
  );
}

type EventOf<K extends BuildEvent["kind"]> = Extract<BuildEvent, { kind: K }>;

function move(group: TaskGroup, { id, done, total }: EventOf<"task-progress">): TaskGroup {
  const running = group.running.map((task) =>
    task.id === id ? { ...task, done, ...(total === undefined ? {} : { total }) } : task,
  );
  return { ...group, running };
}

function hear(group: TaskGroup, { id, text }: EventOf<"task-output">): TaskGroup {
  const line = printableOutput(text);
  const running = group.running.map((task) =>
    task.id === id ? { ...task, output: [...task.output, line].slice(-outputLines) } : task,
  );
  return { ...group, running };
}

function finish(group: TaskGroup, event: EventOf<"task-finished">): TaskGroup {
  const { id, at, outcome, detail, bytes = 0 } = event;
  return {
    ...without(group, id, at),
    ...(detail === undefined ? {} : { detail: printable(detail) }),
    finished: group.finished + 1,
    cached: group.cached + Number(outcome === "cached"),
    exists: group.exists + Number(outcome === "exists"),
    mounted: group.mounted + Number(outcome === "mounted"),
    bytes: group.bytes + (outcome === "done" ? bytes : 0),
  };
}

function without(group: TaskGroup, id: number, at: number): TaskGroup {
  return { ...group, running: group.running.filter((task) => task.id !== id), endedAt: at };
}
