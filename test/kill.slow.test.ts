import { mkdir, readdir } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { startRegistryProxy } from "../packages/lamella/testing/registry-proxy.ts";
import { type FreshProjects, freshProjects } from "./fresh-projects.ts";
import { interruptedBuild } from "./interrupted-build.ts";
import { build, type Project, tryBuild } from "./project.ts";
import { BlobCheck, litterIn } from "./store-check.ts";
import { TagCheck } from "./tag-check.ts";
import { times } from "./two-lanes.ts";

// A build that is killed at any moment leaves a store that the next build uses, and no tag half-way. Two at a time are
// killed and built after that, so a build also finds others at work in its store.

let open: AsyncDisposableStack;
let projects: FreshProjects;
/** Those whose tags are long in coming, so that Ctrl-C surely comes before. */
let slowlyTagged: FreshProjects;
let tags: TagCheck;
let folder: string;
/** `TMPDIR` of the builds: nothing may stay in it. */
let temporary: string;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  const { host } = opening.use(await startRegistry({ log: false }));
  const slow = opening.use(await startRegistryProxy(host, { answer: pauseBeforeTags }));
  projects = opening.use(await freshProjects(host, "killed"));
  slowlyTagged = opening.use(await freshProjects(slow.host, "killed"));
  tags = new TagCheck(host, "killed");
  folder = opening.use(await temporaryFolder("lamella-kill-")).path;
  temporary = join(folder, "tmp");
  await mkdir(temporary);
  open = opening.move();
});
afterEach(async () => expect(await readdir(temporary)).toEqual([]));
afterAll(() => open?.disposeAsync());

async function pauseBeforeTags({ method, url }: IncomingMessage): Promise<false> {
  if (method === "PUT" && url?.includes("/manifests/")) await delay(100);
  return false;
}

/** Where a build works. */
type Place = Pick<Project, "folder" | "store">;

/** A store, with what is known of it. */
interface CheckedStore {
  readonly path: string;
  readonly blobs: BlobCheck;
}

const stores = new Map<string, CheckedStore>();

function storeNamed(name: string): CheckedStore {
  const path = join(folder, name);
  const store = stores.get(name) ?? { path, blobs: new BlobCheck(path) };
  stores.set(name, store);
  return store;
}

/** Nothing is damaged in a store that nobody works in, and nothing is there that nobody will ever use again. */
async function expectTidy({ path, blobs }: CheckedStore): Promise<void> {
  expect(await blobs.damaged()).toEqual([]);
  expect(await litterIn(path)).toEqual([]);
}

/** Lets a build get to its end, and looks whether its tag is whole. */
async function buildAfter(place: Place, about: string): Promise<void> {
  const { code, events, stderr } = await tryBuild(place, [], { env: { TMPDIR: temporary } });
  const last = events.at(-1);
  expect(code, `${about}, and then:\n${stderr}`).toBe(0);
  if (last?.kind !== "finished") throw new Error(`${about}: no result`);
  expect(await tags.missing(), about).toEqual([]);
  const { uri } = last.result;
  expect(tags.whole, about).toContain(uri.slice(uri.lastIndexOf(":") + 1));
}

/** Kills a build, and lets the next get to its end. Gives whether it came to be killed. */
async function killAndBuild(moment: string | number): Promise<boolean> {
  const store = storeNamed("shared").path;
  // What is to fail has a broken package; the next build is of a sound one then.
  const fails = moment === "failed" || moment === "task-failed";
  await using project = await projects.next({ broken: fails, contested: moment === "warning" });
  await using sound = fails ? await projects.next() : undefined;
  const killed = await interruptedBuild({ ...project, store }, "SIGKILL", moment, {
    env: { TMPDIR: temporary },
  });
  const about = `killed at ${moment}`;
  expect(killed.orphans, about).toEqual([]);
  expect(await tags.missing(), about).toEqual([]);
  await buildAfter({ ...(sound ?? project), store }, about);
  return killed.interrupted;
}

/** The moments at which something happens to tasks of these kinds. */
function ofTasks(event: string, ...tasks: readonly string[]): string[] {
  return tasks.map((task) => `${event} ${task}`);
}

describe("a build that is killed leaves a store for the next, and no tag half-way:", () => {
  const tasks = ["base", "resolve", "fetch", "layer", "push", "publish"];
  test.each([
    ["started", ["started"]],
    ["planned", ["planned"]],
    ["task-started", ofTasks("task-started", ...tasks)],
    ["task-progress", ofTasks("task-progress", "fetch", "push")],
    ["task-finished", ofTasks("task-finished", ...tasks)],
    ["task-failed", ["task-failed"]],
    ["warning", ["warning"]],
    ["finished", ["finished"]],
    ["failed", ["failed"]],
  ])("ten times at the event %s", async (_, moments) => {
    const rounds = Math.ceil(10 / moments.length);
    await times(moments.length * rounds, async (time) => {
      const moment = moments[time % moments.length] ?? "";
      expect(await killAndBuild(moment), `${moment} was never emitted`).toBe(true);
    });
    await expectTidy(storeNamed("shared"));
  });

  test("a hundred times at random", async () => {
    let milliseconds = 0;
    await times(2, async () => {
      await using project = await projects.next();
      const began = performance.now();
      await buildAfter({ ...project, store: storeNamed("shared").path }, "before");
      milliseconds = performance.now() - began;
    });
    let killed = 0;
    await times(100, async () => {
      if (await killAndBuild(Math.random() * milliseconds)) killed++;
    });
    expect(killed).toBeGreaterThan(50);
    await expectTidy(storeNamed("shared"));
  });
});

describe("Ctrl-C", () => {
  test.each([
    "started",
    "task-started resolve",
    "planned",
    "task-progress fetch",
    "task-started layer",
    "task-finished layer",
    "task-progress push",
    "task-started publish",
  ])("stops a build cleanly at the event %s", async (moment) => {
    await times(2, async (_, lane) => {
      await using project = await slowlyTagged.next();
      // Nobody else works in it, so what is left there is left by this one.
      const store = storeNamed(lane);
      const place = { ...project, store: store.path };
      const stopped = await interruptedBuild(place, "SIGINT", moment, {
        env: { TMPDIR: temporary },
      });
      expect(stopped).toMatchObject({ interrupted: true, code: 130, orphans: [] });
      expect(stopped.stderr).toBe("error: Interrupted.\n");
      expect(stopped.events.at(-1)).toMatchObject({ kind: "failed", code: "interrupted" });
      // A partial download is kept, so that the next build goes on with it.
      const litter = await litterIn(store.path);
      expect(litter.filter((path) => !path.startsWith("partial/"))).toEqual([]);
      await buildAfter(place, `interrupted at ${moment}`);
      await expectTidy(store);
    });
  });
});

describe("two builds at once of one image", () => {
  test.each([
    ["one store", ["shared", "shared"]],
    ["a store each", ["lane-1", "lane-2"]],
  ])("succeed with %s", async (_, names) => {
    for (let time = 0; time < 3; time++) {
      await using project = await projects.next();
      const results = await Promise.all(
        names.map((name) => build({ ...project, store: storeNamed(name).path })),
      );
      expect(new Set(results.map(({ digest }) => digest)).size).toBe(1);
      expect(await tags.missing()).toEqual([]);
      for (const name of names) await expectTidy(storeNamed(name));
    }
  });

  test("succeed into one layout", async () => {
    for (let time = 0; time < 3; time++) {
      await using project = await projects.next();
      const place = { ...project, store: storeNamed("shared").path };
      const output = ["--output", "oci:layout"];
      const results = await Promise.all([build(place, output), build(place, output)]);
      expect(new Set(results.map(({ digest }) => digest)).size).toBe(1);
    }
  });
});
