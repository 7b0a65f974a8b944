import type { BuildEvent } from "../../engine/event.ts";
import { paintLine } from "../terminal/line.ts";
import { LiveRegion } from "../terminal/live-region.ts";
import { painter, wantsColor } from "../terminal/paint.ts";
import { advance, type BuildSnapshot, emptyBuild } from "./build-progress.ts";
import { liveFrame, spinnerInterval } from "./live-frame.ts";
import type { ProgressRenderer, RenderTarget } from "./renderer.ts";
import { resultLines } from "./result-lines.ts";
import { warningLines } from "./warning-lines.ts";

/** For people: a display that stays in place while the build runs, and the result when it has ended. */
export function ttyRenderer({ stdout, stderr, env }: RenderTarget): ProgressRenderer {
  const region = new LiveRegion(stderr, painter(wantsColor(stderr, env)));
  const began = performance.now();
  let build: BuildSnapshot = emptyBuild;
  let ended = false;

  const draw = (): void => {
    if (ended) return;
    const now = performance.now() - began;
    // A row stays free: the cursor is on it.
    region.draw(liveFrame(build, now, { columns: region.columns - 1, rows: region.rows - 1 }));
  };
  const settle = (): void => {
    if (ended) return;
    ended = true;
    clearInterval(timer);
    stderr.off?.("resize", draw);
    const all = { columns: region.columns - 1, rows: Infinity };
    region.settle(liveFrame({ ...build, groups: build.groups.map(quiet) }, build.at, all));
    region[Symbol.dispose]();
  };
  const timer = setInterval(draw, spinnerInterval).unref();
  stderr.on?.("resize", draw);

  const show = (event: BuildEvent): void => {
    build = advance(build, event);
    switch (event.kind) {
      case "warning":
        return region.print(warningLines(event));
      case "finished": {
        settle();
        const columns = stdout.columns ?? 80;
        const paint = painter(wantsColor(stdout, env));
        const lines = resultLines(event.result, columns);
        stdout.write(`\n${lines.map((line) => `${paintLine(line, paint)}\n`).join("")}`);
        return;
      }
      case "failed":
        return settle();
      case "started":
      case "planned":
      case "task-started":
      case "task-progress":
      case "task-output":
      case "task-finished":
      case "task-failed":
        // Drawn with the next picture of the spinner: events may come by the thousand.
        return;
    }
  };
  return { event: show, [Symbol.dispose]: settle };
}

/** What is left of a group on the screen when the build has ended: nothing runs any more. */
function quiet(group: BuildSnapshot["groups"][number]): BuildSnapshot["groups"][number] {
  return group.failed > 0 || group.running.length === 0 ? { ...group, running: [] } : group;
}
