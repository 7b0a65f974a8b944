import type { BuildEvent, Task } from "../../engine/event.ts";
import {
  fitLine,
  type Line,
  paintLine,
  printable,
  printableOutput,
  span,
} from "../terminal/line.ts";
import type { OutputStream } from "../terminal/output.ts";
import { type Format, painter, wantsColor } from "../terminal/paint.ts";
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

/**
 * For logs: a line for each finished task, in the order in which they end, with the time since the build began; and all that
 * commands write, as they write it.
 */
export function plainRenderer({ stdout, stderr, env }: RenderTarget): ProgressRenderer {
  const platforms = new Set<string>();
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
        // What it writes follows, and it may take long.
        if (event.task.kind === "execute") {
          write(stderr, [taskLine(event.task, event.at, [], platforms.size > 1)]);
        }
        return;
      case "task-output": {
        const begun = tasks.get(event.id);
        const text = span(`| ${printableOutput(event.text)}`, "dim");
        if (begun) write(stderr, [[...heading(begun.task, event.at), text]]);
        return;
      }
      case "task-finished":
      case "task-failed": {
        const begun = tasks.get(event.id);
        tasks.delete(event.id);
        if (begun) write(stderr, [endLine(begun, event, platforms.size > 1)]);
        return;
      }
      case "warning":
        return write(stderr, warningLines(event), Infinity);
      case "finished":
        return write(stdout, resultLines(event.result, stdout.columns ?? Infinity), Infinity);
      case "planned":
        platforms.add(event.plan.platform);
        return;
      case "task-progress":
      case "failed":
        return;
    }
  };
  return { event: show, [Symbol.dispose]: () => undefined };
}

function endLine(
  { task, at }: StartedTask,
  event: Extract<BuildEvent, { kind: "task-finished" | "task-failed" }>,
  namesPlatform: boolean,
): Line {
  if (event.kind === "task-failed") {
    // All of it is in the error at the end.
    const [first = ""] = event.message.split("\n", 1);
    const words = [`failed: ${printable(first)}`];
    return taskLine(task, event.at, words, namesPlatform, "red");
  }
  const { detail, bytes, outcome } = event;
  const words = [
    ...(detail === undefined ? [] : [printable(detail)]),
    ...(bytes === undefined ? [] : [formatBytes(bytes)]),
    outcome === "done" ? formatSeconds(event.at - at) : outcomeWord[outcome],
  ];
  return taskLine(task, event.at, words, namesPlatform);
}

function taskLine(
  task: Task,
  at: number,
  words: readonly string[],
  namesPlatform: boolean,
  format: Format = "reset",
): Line {
  const platform = namesPlatform && task.platform !== undefined ? [task.platform] : [];
  const text = [printable(task.name), ...platform, ...words].join(" · ");
  return [...heading(task, at), span(text, format)];
}

/** The clock, and what sort of task it is. */
function heading(task: Task, at: number): Line {
  const clock = `[${formatSeconds(at).padStart(7)}]`;
  return [span(clock, "dim"), span(` ${taskLabel[task.kind].padEnd(labelWidth)} `)];
}

const outcomeWord = {
  cached: "cached",
  exists: "there already",
  mounted: "mounted",
  deferred: "after the commands below",
} as const;
