import type { BuildEvent, TaskKind } from "../packages/lamella/src/engine/event.ts";

/** A task of a build, with its times in milliseconds since the build began. */
export interface Span {
  readonly kind: TaskKind;
  readonly name: string;
  readonly began: number;
  readonly ended: number;
}

/** The tasks of a build, by their beginning. One that never ended ended with the build. */
export function spansOf(events: readonly BuildEvent[]): Span[] {
  const end = events.at(-1)?.at ?? 0;
  const ends = new Map<number, number>();
  for (const event of events) {
    if (event.kind === "task-finished" || event.kind === "task-failed")
      ends.set(event.id, event.at);
  }
  return events
    .flatMap((event) =>
      event.kind === "task-started"
        ? {
            kind: event.task.kind,
            name: event.task.name,
            began: event.at,
            ended: ends.get(event.task.id) ?? end,
          }
        : [],
    )
    .sort((a, b) => a.began - b.began);
}

/** Milliseconds in which at least one of the spans was under way. */
export function busyTime(spans: readonly Pick<Span, "began" | "ended">[]): number {
  let busy = 0;
  let until = 0;
  for (const { began, ended } of spans.toSorted((a, b) => a.began - b.began)) {
    busy += Math.max(0, ended - Math.max(began, until));
    until = Math.max(until, ended);
  }
  return busy;
}

/** Width of the chart, in characters. */
const chartWidth = 60;

/** A shorter task, as a share of the whole, has no line of its own. */
const smallestShare = 0.02;

/** A build as text: a line for each longer task, and the sums of each kind. `seconds` is the whole process. */
export function formatTimeline(events: readonly BuildEvent[], seconds: number): string {
  const spans = spansOf(events);
  const total = Math.max(events.at(-1)?.at ?? 0, 1);
  const long = spans.filter(({ began, ended }) => ended - began >= total * smallestShare);
  const kinds = [...new Set(spans.map(({ kind }) => kind))];
  return [
    `${seconds.toFixed(2)} s, of which ${inSeconds(total)} s are the build and the rest is starting and ending the process.`,
    ...long.map((span) => chartLine(span, total)),
    "",
    `${"kind".padEnd(10)}${"tasks".padStart(6)}${"busy".padStart(10)}${"sum".padStart(10)}`,
    ...kinds.map((kind) => sumLine(kind, spans)),
  ].join("\n");
}

function chartLine({ kind, name, began, ended }: Span, total: number): string {
  const column = (at: number): number => Math.round((at / total) * chartWidth);
  const bar = " ".repeat(column(began)) + "█".repeat(Math.max(1, column(ended) - column(began)));
  const label = `${kind} ${name}`.slice(0, 38).padEnd(40);
  return `${label}${bar.padEnd(chartWidth + 1)} ${inSeconds(began)}–${inSeconds(ended)}`;
}

function sumLine(kind: TaskKind, spans: readonly Span[]): string {
  const own = spans.filter((span) => span.kind === kind);
  const sum = own.reduce((all, { began, ended }) => all + ended - began, 0);
  return [
    kind.padEnd(10),
    String(own.length).padStart(6),
    inSeconds(busyTime(own)).padStart(10),
    inSeconds(sum).padStart(10),
  ].join("");
}

function inSeconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(2);
}
