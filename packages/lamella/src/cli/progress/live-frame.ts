import { fitLine, type Line, lineWidth, span, spread, truncate } from "../terminal/line.ts";
import { formatBytes, formatSeconds } from "../terminal/quantity.ts";
import type { BuildSnapshot, RunningTask, TaskGroup } from "./build-progress.ts";
import { groupSummary, labelWidth, taskLabel } from "./wording.ts";

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
}

const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const;
/** Milliseconds that one picture of the spinner stays. */
export const spinnerInterval = 100;

/**
 * What a live display shows at a moment (`now`, in milliseconds since the build began): one line for each kind of
 * task, and under it one for each task that runs and the last that it wrote, as far as the height allows. No line is wider than `size.columns`
 * and there are at most `size.rows`.
 */
export function liveFrame(build: BuildSnapshot, now: number, size: FrameSize): readonly Line[] {
  const title = build.uri === undefined ? [] : [titleLine(build, now, size)];
  const room = Math.max(0, size.rows - title.length - build.groups.length);
  const shares = share(
    build.groups.map(({ running }) => (isSingle(running, build) ? 0 : running.length)),
    room,
  );
  const left = room - shares.reduce((sum, rows) => sum + rows, 0);
  const heard = share(
    build.groups.map(({ running }) => running.reduce((sum, { output }) => sum + output.length, 0)),
    left,
  );
  const lines = build.groups.flatMap((group, index) => [
    groupLine(group, build, now, size),
    ...runningLines(group.running, shares[index] ?? 0, build, size),
    ...outputLines(group.running, heard[index] ?? 0, size),
  ]);
  // More kinds than rows: the last ones are those that still change.
  return [...title, ...lines].slice(-Math.max(0, size.rows));
}

function titleLine(build: BuildSnapshot, now: number, { columns }: FrameSize): Line {
  return spread([span(build.uri ?? "", "bold")], [span(formatSeconds(now), "dim")], columns);
}

function groupLine(
  group: TaskGroup,
  build: BuildSnapshot,
  now: number,
  { columns }: FrameSize,
): Line {
  const busy = group.running.length > 0;
  const took = (busy ? now : group.endedAt) - group.startedAt;
  const line = [
    mark(group, build, now),
    span(` ${taskLabel[group.kind].padEnd(labelWidth)} `),
    span(groupSummary(group), busy ? "reset" : "dim"),
  ];
  const only =
    group.running.length === 1 && group.finished + group.failed === 0
      ? group.running[0]
      : undefined;
  const right = only && hasMeasure(only) ? measure(only, columns) : [];
  return spread(line, [...right, span(formatSeconds(took).padStart(8), "dim")], columns);
}

function mark(group: TaskGroup, build: BuildSnapshot, now: number): Line[number] {
  if (group.failed > 0) return span("✗", "red");
  if (group.running.length === 0) return span("✓", "green");
  if (build.outcome === "failed") return span("-", "dim");
  const picture = spinner[Math.floor(now / spinnerInterval) % spinner.length] ?? spinner[0];
  return span(picture, "cyan");
}

/** A group's only task is shown in the group's own line. */
function isSingle(running: readonly RunningTask[], build: BuildSnapshot): boolean {
  const [task] = running;
  const group = build.groups.find(({ kind }) => kind === task?.kind);
  return running.length === 1 && group !== undefined && group.finished + group.failed === 0;
}

function runningLines(
  running: readonly RunningTask[],
  rows: number,
  build: BuildSnapshot,
  { columns }: FrameSize,
): readonly Line[] {
  if (rows <= 0) return [];
  const shown = running.length <= rows ? running : running.slice(0, rows - 1);
  const hidden = running.length - shown.length;
  const indent = " ".repeat(labelWidth + 3);
  return [
    ...shown.map((task) => {
      const name =
        build.platforms.size > 1 && task.platform ? `${task.name} (${task.platform})` : task.name;
      const right = hasMeasure(task) ? [...measure(task, columns), span(" ".repeat(8))] : [];
      const room = Math.max(20, columns - lineWidth(right) - indent.length - 2);
      return spread([span(indent), span(truncate(name, room))], right, columns);
    }),
    ...(hidden > 0 ? [spread([span(`${indent}and ${hidden} more`, "dim")], [], columns)] : []),
  ];
}

/** The last that running commands wrote. */
function outputLines(
  running: readonly RunningTask[],
  rows: number,
  { columns }: FrameSize,
): readonly Line[] {
  if (rows <= 0) return [];
  const indent = " ".repeat(labelWidth + 3);
  return running
    .flatMap(({ output }) => output)
    .slice(-rows)
    .map((text) => fitLine([span(indent), span(text, "dim")], columns));
}

function hasMeasure({ done, total }: RunningTask): boolean {
  return done > 0 || (total !== undefined && total > 0);
}

/** A bar, and bytes of bytes; narrow terminals get the figures alone. */
function measure({ done, total }: RunningTask, columns: number): readonly Line[number][] {
  if (total === undefined || total <= 0) return [span(formatBytes(done), "dim")];
  const figures = `${formatBytes(Math.min(done, total)).padStart(8)} / ${formatBytes(total).padEnd(8)}`;
  if (columns < 72) return [span(figures, "dim")];
  const width = columns < 100 ? 12 : 20;
  const filled = Math.min(width, Math.floor((done / total) * width));
  return [
    span("━".repeat(filled), "cyan"),
    span("─".repeat(width - filled), "dim"),
    span(`  ${figures}`, "dim"),
  ];
}

/** Deals `rows` out to groups that want some: a row each in turn, so that a long list does not push out a short one. */
function share(wanted: readonly number[], rows: number): readonly number[] {
  const given = wanted.map(() => 0);
  for (let left = rows; left > 0; ) {
    const before = left;
    for (const [index, want] of wanted.entries()) {
      const has = given[index] ?? 0;
      if (left === 0 || has >= want) continue;
      given[index] = has + 1;
      left--;
    }
    if (left === before) break;
  }
  return given;
}
