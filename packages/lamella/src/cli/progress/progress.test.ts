import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildResult, eventStream, layerReport } from "../../../testing/build-events.ts";
import { TerminalScreen } from "../../../testing/terminal-screen.ts";
import type { BuildEvent } from "../../engine/event.ts";
import type { BuildResult } from "../../engine/result.ts";
import { sha256 } from "../../files/digest.ts";
import { lineWidth, paintLine, textWidth } from "../terminal/line.ts";
import { painter } from "../terminal/paint.ts";
import { advance, emptyBuild } from "./build-progress.ts";
import { chooseRenderer, type ProgressMode } from "./choose-renderer.ts";
import { liveFrame } from "./live-frame.ts";
import { resultLines } from "./result-lines.ts";
import { warningLines } from "./warning-lines.ts";

/** A stream that is no terminal. */
function pipe(): { write(text: string): void; text: string } {
  return {
    text: "",
    write(more: string): void {
      this.text += more;
    },
  };
}

function rendered(
  mode: ProgressMode,
  events: readonly BuildEvent[],
): { stdout: string; stderr: string } {
  const stdout = pipe();
  const stderr = pipe();
  using renderer = chooseRenderer(mode, { stdout, stderr, env: {} });
  for (const event of events) renderer.event(event);
  return { stdout: stdout.text, stderr: stderr.text };
}

const anySize = fc.record({
  columns: fc.integer({ min: 1, max: 200 }),
  rows: fc.integer({ min: 1, max: 50 }),
});

const smallBuild: readonly BuildEvent[] = [
  { at: 0, kind: "started", identifier: "0", uri: "localhost:5000/iris:1" },
  {
    at: 10,
    kind: "task-started",
    task: { id: 1, kind: "fetch", name: "numpy.whl", total: 18_400_000 },
  },
  { at: 20, kind: "task-started", task: { id: 2, kind: "fetch", name: "six.whl", total: 10_000 } },
  { at: 90, kind: "task-finished", id: 2, outcome: "cached" },
  { at: 500, kind: "task-progress", id: 1, done: 9_200_000 },
];

const commandBuild: readonly BuildEvent[] = [
  { at: 0, kind: "started", identifier: "0", uri: "localhost:5000/iris:1" },
  { at: 100, kind: "task-started", task: { id: 1, kind: "execute", name: "make" } },
  ...["line 1", "line 2", "line 3", "a\ttab", "x".repeat(80)].map((line, index): BuildEvent => {
    return { at: 200 + index, kind: "task-output", id: 1, stream: "stdout", text: line };
  }),
];

describe("the live display", () => {
  test("stays within the terminal, whatever happens in the build", () => {
    fc.assert(
      fc.property(eventStream(), anySize, (events, size) => {
        let build = emptyBuild;
        for (const event of events) {
          build = advance(build, event);
          const frame = liveFrame(build, event.at, size);
          expect(frame.length).toBeLessThanOrEqual(size.rows);
          for (const line of frame) expect(lineWidth(line)).toBeLessThanOrEqual(size.columns);
        }
      }),
    );
  });

  test("leaves each warning once, the last state of the build, and the cursor", () => {
    fc.assert(
      fc.property(eventStream(), anySize, (events, { columns, rows }) => {
        const screen = new TerminalScreen(columns, rows);
        const renderer = chooseRenderer("tty", { stdout: pipe(), stderr: screen, env: {} });
        for (const event of events) renderer.event(event);
        renderer[Symbol.dispose]();
        expect(screen.cursorHidden).toBe(false);
        const lines = screen.text.split("\n");
        const warnings = events.filter((event) => event.kind === "warning");
        expect(lines.filter((line) => line.startsWith("warning:")).length).toBe(warnings.length);
        // A warning has what lines it needs, as long as they are; the display keeps to its columns.
        const ofWarnings = new Set(
          warnings.flatMap(warningLines).map((line) => paintLine(line, painter(false)).trimEnd()),
        );
        for (const line of lines) {
          if (!ofWarnings.has(line.trimEnd())) {
            expect(textWidth(line)).toBeLessThanOrEqual(columns);
          }
        }
      }),
    );
  });

  test("has a line for each kind of task, and one for each that runs", () => {
    const build = smallBuild.reduce(advance, emptyBuild);
    const frame = liveFrame(build, 1000, { columns: 80, rows: 10 });
    expect(frame.map((line) => paintLine(line, painter(false)).trimEnd())).toEqual([
      `localhost:5000/iris:1${" ".repeat(54)}1.0 s`.padEnd(80),
      `⠋ fetch    1 of 2 downloads · 1 cached${" ".repeat(36)}0.99 s`,
      `           numpy.whl${" ".repeat(19)}━━━━━━──────   9.20 MB / 18.4 MB`,
    ]);
  });

  test("has the last that a command wrote below it, as far as there is room", () => {
    const build = commandBuild.reduce(advance, emptyBuild);
    const shown = (rows: number): readonly string[] =>
      liveFrame(build, 2000, { columns: 60, rows })
        .slice(1)
        .map((line) => paintLine(line, painter(false)).trimEnd());
    expect(shown(10)).toEqual([
      `⠋ run      make${" ".repeat(40)}1.9 s`,
      "           line 2",
      "           line 3",
      "           a    tab",
      `           ${"x".repeat(48)}…`,
    ]);
    expect(shown(3)).toHaveLength(2);
  });

  test("is short in a low terminal, and says how much it does not show", () => {
    const many = Array.from({ length: 12 }, (_, id): BuildEvent => {
      return { at: id, kind: "task-started", task: { id, kind: "fetch", name: `${id}.whl` } };
    });
    const frame = liveFrame(many.reduce(advance, emptyBuild), 0, { columns: 80, rows: 5 });
    expect(frame.length).toBe(5);
    expect(paintLine(frame.at(-1) ?? [], painter(false))).toMatch(/and 9 more/);
  });

  test("goes over itself: nothing of an earlier picture is left", () => {
    const screen = new TerminalScreen(80, 24);
    const renderer = chooseRenderer("tty", { stdout: pipe(), stderr: screen, env: {} });
    for (const event of smallBuild) renderer.event(event);
    renderer.event({ at: 600, kind: "task-finished", id: 1, outcome: "done", bytes: 18_400_000 });
    renderer.event({ at: 700, kind: "finished", result: buildResult() });
    expect(screen.text.split("\n").length).toBe(2);
    expect(screen.text).toContain("✓ fetch    2 downloads · 18.4 MB · 1 cached");
  });
});

describe("plain lines", () => {
  test("one for each task that has ended; the result on stdout", () => {
    const { stdout, stderr } = rendered("plain", [
      ...smallBuild,
      { at: 900, kind: "task-failed", id: 1, message: "connection\nlost" },
      { at: 950, kind: "warning", code: "w", message: "watch out", hint: "do this" },
      { at: 1000, kind: "finished", result: buildResult() },
    ]);
    expect(stderr.split("\n")).toEqual([
      "building localhost:5000/iris:1",
      "[ 0.09 s] fetch    six.whl · cached",
      "[ 0.90 s] fetch    numpy.whl · failed: connection",
      "warning: watch out",
      "         do this",
      "",
    ]);
    expect(stdout.split("\n").slice(0, 2)).toEqual([buildResult().uri, buildResult().digest]);
  });

  test("tell what waits for a command from what fails", () => {
    const { stderr } = rendered("plain", [
      ...smallBuild,
      { at: 900, kind: "task-finished", id: 1, outcome: "deferred" },
    ]);
    expect(stderr).toContain("numpy.whl · after the commands below");
  });

  test("have a command's own as it writes them, whole", () => {
    const { stderr } = rendered("plain", [
      ...commandBuild,
      { at: 900, kind: "task-finished", id: 1, outcome: "done", bytes: 1000 },
    ]);
    expect(stderr.split("\n")).toEqual([
      "building localhost:5000/iris:1",
      "[ 0.10 s] run      make",
      "[ 0.20 s] run      | line 1",
      "[ 0.20 s] run      | line 2",
      "[ 0.20 s] run      | line 3",
      "[ 0.20 s] run      | a    tab",
      `[ 0.20 s] run      | ${"x".repeat(80)}`,
      "[ 0.90 s] run      make · 1.00 kB · 0.80 s",
      "",
    ]);
  });

  test.each(["plain", "tty"] as const)("of %s tell of no push where nothing is pushed", (mode) => {
    const events: readonly BuildEvent[] = [
      ...smallBuild,
      { at: 600, kind: "task-started", task: { id: 3, kind: "push", name: "six 1.17.0" } },
      { at: 610, kind: "task-finished", id: 3, outcome: "exists" },
      { at: 620, kind: "finished", result: buildResult() },
    ];
    const told = (staysLocal: boolean): string => {
      const stderr = mode === "tty" ? new TerminalScreen(80, 24) : pipe();
      using renderer = chooseRenderer(mode, { stdout: pipe(), stderr, env: {}, staysLocal });
      for (const event of events) renderer.event(event);
      return stderr.text;
    };
    expect(told(false)).toMatch(/push +six 1\.17\.0 · there already/);
    expect(told(true)).not.toContain("push");
    expect(told(true)).toContain("fetch");
  });

  test("are what auto chooses where there is no terminal", () => {
    expect(rendered("auto", smallBuild)).toEqual(rendered("plain", smallBuild));
  });
});

test("JSON is the event stream, a line each", () => {
  fc.assert(
    fc.property(eventStream(), (events) => {
      const { stdout, stderr } = rendered("json", events);
      const lines = stdout.trimEnd().split("\n");
      expect(lines.map((line) => JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(events)));
      expect(stderr).toBe("");
    }),
  );
});

test("quiet is the image by digest alone", () => {
  const result = buildResult({ uri: "localhost:5000/acme/iris:v1" });
  const { stdout, stderr } = rendered("quiet", [
    ...smallBuild,
    { at: 1, kind: "finished", result },
  ]);
  expect(stdout).toBe(`localhost:5000/acme/iris@${result.digest}\n`);
  expect(stderr).toBe("");
});

/** The lines of a result, without colours. */
function text(result: BuildResult, columns = 80): readonly string[] {
  return resultLines(result, columns).map((line) => paintLine(line, painter(false)));
}

describe("the result", () => {
  test("is name, digest, layers and time", () => {
    expect(text(buildResult())).toEqual([
      "localhost:5000/iris:3f2a9c0e7bd4415c9a0c2f8e1d6b7a90",
      sha256("manifest"),
      "",
      "  base, 2 layers  42.0 MB  base    mounted",
      "  numpy 2.4.0     18.4 MB  cached  there already",
      "  ./src → /app    1.83 kB  built   uploaded",
      "  ───────────────────────",
      "  4 layers        60.4 MB",
      "",
      "1 layer built, 1.83 kB uploaded in 4.2 s",
    ]);
  });

  test("keeps forty layers in the width of the terminal", () => {
    const layers = Array.from({ length: 40 }, (_, n) =>
      layerReport(`a-package-with-a-long-name-${n} ${"1.2.3, ".repeat(n)}`),
    );
    const digest = sha256("m");
    const result = buildResult({ platforms: [{ platform: "linux/amd64", digest, layers }] });
    for (const columns of [60, 80, 120]) {
      const table = text(result, columns).slice(3);
      for (const line of table) expect(textWidth(line)).toBeLessThanOrEqual(columns);
      const ends = new Set(table.slice(0, 40).map((line) => textWidth(line)));
      expect(ends.size).toBe(1);
    }
  });

  test("has both digests of an upgrade, or says that they are one", () => {
    const digest = sha256("manifest");
    expect(text(buildResult({ previous: sha256("old") }))[2]).toBe(`was ${sha256("old")}`);
    expect(text(buildResult({ previous: digest }))[2]).toBe("the same as before");
  });

  test("of a layout was written, not uploaded", () => {
    const lines = text(buildResult({ target: "layout" })).join("\n");
    expect(lines).toMatch(/built {3}written\n/);
    expect(lines).not.toContain("uploaded");
  });

  test("says what was not done", () => {
    expect(text(buildResult({ upToDate: true, platforms: [] })).at(-1)).toMatch(
      /^Nothing to build/,
    );
    expect(text(buildResult({ target: "store" })).at(-1)).toMatch(/not pushed/);
  });
});
