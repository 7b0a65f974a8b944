import type { BuildEvent, Task } from "../../engine/event.ts";
import { fitLine, type Line, paintLine, printable, span } from "../terminal/line.ts";
import type { OutputStream } from "../terminal/output.ts";
import { painter, wantsColor } from "../terminal/paint.ts";
import { formatBytes, formatSeconds } from "../terminal/quantity.ts";
import type { ProgressRenderer, RenderTarget } from "./renderer.ts";
import { resultLines } from "./result-lines.ts";
import { warningLines } from "./warning-lines.ts";
import { labelWidth, taskLabel } from "./wording.ts";

interface StartedTask {
  readonly task: Task;
  /** When, in milliseconds since the build began. */
  readonly at: number;
}

/** For logs: a line for each finished task, in the order in which they end, with the time since the build began. */
export function plainRenderer({ stdout, stderr, env }: RenderTarget): ProgressRenderer {
  let platforms = 0;
  const tasks = new Map<number, StartedTask>();
  const write = (
    stream: OutputStream,
    lines: readonly Line[],
    columns = stream.columns ?? Infinity,
  ): void => {
    const paint = painter(wantsColor(stream, env));
    for (const line of lines) {
      stream.write(`${paintLine(fitLine(line, columns), paint)}\n`);
    }
  };
  const show = (event: BuildEvent): void => {
    switch (event.kind) {
      case "started":
        return write(stderr, [[span(`building ${printable(event.uri)}`)]]);
      case "task-started":
        tasks.set(event.task.id, { task: event.task, at: event.at });
        return;
      case "task-finished":
      case "task-failed": {
        const begun = tasks.get(event.id);
        tasks.delete(event.id);
        if (begun) write(stderr, [taskLine(begun, event, platforms > 1)]);
        return;
      }
      case "warning":
        return write(stderr, warningLines(event), Infinity);
      case "finished":
        return write(stdout, resultLines(event.result, stdout.columns ?? Infinity), Infinity);
      case "planned":
        platforms++;
        return;
      case "task-progress":
      case "failed":
        return;
    }
  };
  return { event: show, [Symbol.dispose]: () => undefined };
}

function taskLine(
  { task, at }: StartedTask,
  event: Extract<BuildEvent, { kind: "task-finished" | "task-failed" }>,
  namesPlatform: boolean,
): Line {
  const took = event.at - at;
  const parts = [printable(task.name)];
  if (namesPlatform && task.platform !== undefined) parts.push(task.platform);
  if (event.kind === "task-failed") {
    parts.push(`failed: ${printable(event.message)}`);
  } else {
    if (event.detail !== undefined) parts.push(printable(event.detail));
    if (event.bytes !== undefined) parts.push(formatBytes(event.bytes));
    parts.push(event.outcome === "done" ? formatSeconds(took) : outcomeWord[event.outcome]);
  }
  const clock = `[${formatSeconds(event.at).padStart(7)}]`;
  return [
    span(clock, "dim"),
    span(` ${taskLabel[task.kind].padEnd(labelWidth)} `),
    span(parts.join(" · "), event.kind === "task-failed" ? "red" : "reset"),
  ];
}

const outcomeWord = { cached: "cached", exists: "there already", mounted: "mounted" } as const;
