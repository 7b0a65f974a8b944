import { expect, test } from "vitest";
import type { BuildEvent } from "../packages/lamella/src/engine/event.ts";
import { busyTime, formatTimeline, spansOf } from "./timeline.ts";

const events: BuildEvent[] = [
  { at: 0, kind: "started", identifier: "f", uri: "u" },
  { at: 100, kind: "task-started", task: { id: 1, kind: "resolve", name: "packages" } },
  { at: 400, kind: "task-finished", id: 1, outcome: "done" },
  { at: 400, kind: "task-started", task: { id: 2, kind: "layer", name: "numpy" } },
  { at: 500, kind: "task-started", task: { id: 3, kind: "layer", name: "never ends" } },
  { at: 800, kind: "task-finished", id: 2, outcome: "done" },
  { at: 1000, kind: "failed", code: "c", message: "m" },
];

test("a span is from its task's beginning to its end, or to the build's", () => {
  expect(spansOf(events).map(({ name, began, ended }) => [name, began, ended])).toEqual([
    ["packages", 100, 400],
    ["numpy", 400, 800],
    ["never ends", 500, 1000],
  ]);
});

test("busy time counts what overlaps once", () => {
  const spans = [
    [5, 9],
    [0, 2],
    [1, 3],
    [6, 7],
  ].map(([began = 0, ended = 0]) => ({ began, ended }));
  expect(busyTime(spans)).toBe(7);
  expect(busyTime([])).toBe(0);
});

test("the text has a bar for each task, and the sums of each kind", () => {
  const text = formatTimeline(events, 1.2);
  expect(text).toContain("1.20 s, of which 1.00 s");
  expect(text).toMatch(/^resolve packages +█{18} +0\.10–0\.40$/m);
  expect(text).toMatch(/^layer +2 +0\.60 +0\.90$/m);
});
