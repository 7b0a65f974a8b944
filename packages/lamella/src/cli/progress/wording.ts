import type { TaskKind } from "../../engine/event.ts";
import { count, formatBytes } from "../terminal/quantity.ts";
import type { TaskGroup } from "./build-progress.ts";

/** Of the longest label, so that what follows them lines up. */
export const labelWidth = 8;

/** The word that stands before a task. */
export const taskLabel: Readonly<Record<TaskKind, string>> = {
  cache: "cache",
  base: "base",
  resolve: "resolve",
  sources: "sources",
  fetch: "fetch",
  unpack: "unpack",
  execute: "run",
  layer: "layers",
  push: "push",
  publish: "publish",
};

const nouns: Readonly<Record<TaskKind, string>> = {
  cache: "cache",
  base: "base",
  resolve: "resolution",
  sources: "folder",
  fetch: "download",
  unpack: "stack of layers",
  execute: "command",
  layer: "layer",
  push: "blob",
  publish: "manifest",
};

/** What a group has done so far: the name of its only task, or how many tasks, how much, and what needed no work. */
export function groupSummary(group: TaskGroup): string {
  const total = group.finished + group.failed + group.running.length;
  const parts = [
    total === 1 ? [group.name, group.detail].filter(Boolean).join(" · ") : tally(group, total),
  ];
  if (group.bytes > 0) parts.push(formatBytes(group.bytes));
  const idle = total === 1 ? (outcomes: number) => (outcomes > 0 ? "" : undefined) : String;
  for (const [number, word] of [
    [group.cached, "cached"],
    [group.mounted, "mounted"],
    [group.exists, "there already"],
  ] as const) {
    if (number > 0) parts.push(`${idle(number)} ${word}`.trim());
  }
  if (group.failed > 0) parts.push(`${group.failed} not done`);
  return parts.join(" · ");
}

function tally(group: TaskGroup, total: number): string {
  const all = count(total, nouns[group.kind]);
  return group.running.length > 0 ? `${group.finished} of ${all}` : all;
}
