import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamella, temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { type FreshProjects, freshProjects } from "./fresh-projects.ts";
import { interruptedBuild, type Moment } from "./interrupted-build.ts";
import { leftoversOf } from "./leftovers.ts";
import { build, type Project, tryBuild } from "./project.ts";
import { type FinishedBuild, stopAndBuild } from "./stop-and-build.ts";
import { BlobCheck, litterIn } from "./store-check.ts";
import { TagCheck } from "./tag-check.ts";
import { times } from "./two-lanes.ts";

// A build with commands that is killed at any moment leaves nothing running, and the next finishes its work: it executes
// what was not done, removes what was left, and makes the image that an undisturbed build makes.

let open: AsyncDisposableStack;
let projects: FreshProjects;
let tags: TagCheck;
let folder: string;
/** `TMPDIR` of the builds: nothing may stay in it. */
let temporary: string;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  const { host } = opening.use(await startRegistry({ log: false }));
  projects = opening.use(await freshProjects(host, "killed", { executes: true }));
  tags = new TagCheck(host, "killed");
  folder = opening.use(await temporaryFolder("lamella-kill-")).path;
  temporary = join(folder, "tmp");
  await mkdir(temporary);
  open = opening.move();
});
afterEach(async () => expect(await readdir(temporary)).toEqual([]));
afterAll(() => open?.disposeAsync());

/** Nobody else works in the store of a lane: so what is left in it is left by its last builds. */
function storeOf(lane: string): string {
  return join(folder, lane);
}

function stopAndFinish(
  project: Project,
  lane: string,
  signal: "SIGKILL" | "SIGINT",
  moment: Moment,
): Promise<FinishedBuild> {
  const options = { env: { TMPDIR: temporary }, tags };
  return stopAndBuild({ folder: project.folder, store: storeOf(lane) }, signal, moment, options);
}

/** Nothing is damaged in the stores, and nothing is there that nobody will ever use again. */
async function expectTidy(): Promise<void> {
  for (const lane of ["lane-1", "lane-2"]) {
    expect(await new BlobCheck(storeOf(lane)).damaged()).toEqual([]);
    expect(await litterIn(storeOf(lane))).toEqual([]);
  }
}

const moments = [
  "started",
  "planned",
  "task-started execute",
  "task-output execute",
  "task-finished execute",
  "task-finished layer",
  "task-finished push",
  "task-started publish",
];

describe("a build with commands that is killed is finished by the next, with the same image,", () => {
  test.each(moments)("at the event %s", async (moment) => {
    await times(2, async (_, lane) => {
      await using project = await projects.next();
      const { interrupted, digest } = await stopAndFinish(project, lane, "SIGKILL", moment);
      expect(interrupted, `${moment} was never emitted`).toBe(true);
      const undisturbed = { folder: project.folder, store: storeOf(`${lane}-undisturbed`) };
      expect((await build(undisturbed, ["--output", "oci:layout"])).digest).toBe(digest);
    });
    await expectTidy();
  });

  test("so many times at random that it is a hundred times in all", async () => {
    // By events and not by the clock, so that the moments are spread over the stages however busy the machine is.
    await using first = await projects.next();
    const { events } = await tryBuild({ folder: first.folder, store: storeOf("lane-1") });
    const count = 100 - 2 * moments.length;
    let killed = 0;
    await times(count, async (_, lane) => {
      await using project = await projects.next();
      const moment = {
        events: Math.ceil(Math.random() * events.length),
        milliseconds: Math.random() * 100,
      };
      const { interrupted } = await stopAndFinish(project, lane, "SIGKILL", moment);
      if (interrupted) killed++;
    });
    expect(killed).toBeGreaterThan(count / 2);
    await expectTidy();
  });
});

test("what a killed build has left is removed by the next command, whatever it is", async () => {
  await using project = await projects.next();
  const place = { folder: project.folder, store: storeOf("lane-3") };
  const options = { env: { TMPDIR: temporary } };
  const { orphans } = await interruptedBuild(place, "SIGKILL", "task-output execute", options);
  expect(orphans).toEqual([]);
  expect((await leftoversOf(place.store)).join("\n")).toContain("/sys/fs/cgroup/");
  const { code, stderr } = await lamella(["prune"], {
    cwd: place.folder,
    env: { LAMELLA_HOME: place.store },
  });
  expect(code, stderr).toBe(0);
  expect(await leftoversOf(place.store)).toEqual([]);
});

test.each(moments.slice(2))("Ctrl-C at the event %s ends commands too", async (moment) => {
  await times(2, async (_, lane) => {
    await using project = await projects.next();
    const { interrupted } = await stopAndFinish(project, lane, "SIGINT", moment);
    expect(interrupted, `${moment} was never emitted`).toBe(true);
  });
  await expectTidy();
});
