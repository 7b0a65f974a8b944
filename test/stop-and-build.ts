import { expect } from "vitest";
import { interruptedBuild, type Moment } from "./interrupted-build.ts";
import { leftoversOf } from "./leftovers.ts";
import { type Project, type RunOptions, tryBuild } from "./project.ts";
import type { TagCheck } from "./tag-check.ts";
import { executed } from "./tasks.ts";

/** A build that came to its end after another was stopped. */
export interface FinishedBuild {
  /** Whether the moment came at which the first was to be stopped. */
  readonly interrupted: boolean;
  readonly digest: string;
}

/**
 * Stops a build, and lets the next get to its end. No process outlives the first; after Ctrl-C nothing of it is left, and
 * after any end nothing when the second has ended. That does not execute again what the first did, and no tag is ever there
 * in part. Nobody else works in the store.
 */
export async function stopAndBuild(
  place: Pick<Project, "folder" | "store">,
  signal: "SIGKILL" | "SIGINT",
  moment: Moment,
  { tags, ...options }: Pick<RunOptions, "env" | "program"> & { readonly tags: TagCheck },
): Promise<FinishedBuild> {
  const about = `${signal} at ${JSON.stringify(moment)}`;
  const stopped = await interruptedBuild(place, signal, moment, options);
  expect(stopped.orphans, about).toEqual([]);
  expect(await tags.missing(), about).toEqual([]);
  if (signal === "SIGINT" && stopped.interrupted) {
    expect(stopped, about).toMatchObject({ code: 130, stderr: "error: Interrupted.\n" });
    expect(await leftoversOf(place.store), about).toEqual([]);
  }

  const { code, events, stderr } = await tryBuild(place, [], options);
  expect(code, `${about}, and then:\n${stderr}`).toBe(0);
  const last = events.at(-1);
  if (last?.kind !== "finished") throw new Error(`${about}: no result`);
  expect(await tags.missing(), about).toEqual([]);
  const { uri, digest } = last.result;
  expect(tags.whole, about).toContain(uri.slice(uri.lastIndexOf(":") + 1));
  expect(await leftoversOf(place.store), about).toEqual([]);
  const done = executed(stopped.events).filter(({ outcome }) => outcome === "done");
  const again = new Set(executed(events).map(({ name }) => name));
  expect(
    done.filter(({ name }) => again.has(name)),
    about,
  ).toEqual([]);
  return { interrupted: stopped.interrupted, digest };
}
