import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { BuildResult } from "../packages/lamella/src/engine/result.ts";
import { pushDebianBase } from "../packages/lamella/testing/debian-base.ts";
import {
  type RunningRegistry,
  startRegistry,
} from "../packages/lamella/testing/docker-registry.ts";
import { startWheelIndex } from "../packages/lamella/testing/wheel-index.ts";
import { writeWheel } from "../packages/lamella/testing/wheel-writer.ts";
import { interruptedBuild, type Moment } from "./interrupted-build.ts";
import { build, createProject, debianImage, type Project, settings, tryBuild } from "./project.ts";
import { TagCheck } from "./tag-check.ts";

// A build that is killed at any moment leaves a store that the next build uses, and no tag half-way. There is one store
// for all that follows, and each build is of something new, so that every stage has work to do.

const name = "killed";

let open: AsyncDisposableStack;
let registry: RunningRegistry;
let project: Project;
let tags: TagCheck;
/** `TMPDIR` of the builds: nothing may stay in it. */
let temporary: string;
let version = 0;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  registry = opening.use(await startRegistry());
  await pushDebianBase(registry.host, { python: true });
  project = opening.use(await createProject({ mirror: registry.host, definition: "" }));
  temporary = join(project.folder, "tmp");
  await mkdir(temporary);
  const wheels = join(project.folder, "wheels");
  await mkdir(wheels);
  const index = opening.use(await startWheelIndex(wheels, { pause: 15 }));
  const indexUrl = `${index.origin}/simple/`;
  await project.write("config.yaml", settings({ mirror: registry.host, indexUrl }));
  // Both have a file of one name, which is worth a warning.
  await writeWheel(wheels, { name: "small", files: { "contested.py": "small = 1\n" } });
  tags = new TagCheck(registry.host, name);
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

/**
 * Writes a new version of the project: another wheel, of some MiB, another source file, another identifier. A broken
 * wheel resolves, and cannot be made a layer.
 */
async function change({ broken = false } = {}): Promise<void> {
  version++;
  const wheels = join(project.folder, "wheels");
  await rm(join(wheels, `large-${version - 1}-py3-none-any.whl`), { force: true });
  const modules = Array.from({ length: 70 }, (_, index) => [
    `large/module${index}.py`,
    `def function(argument=${index}):\n    return [argument, ${version}]\n`.repeat(10),
  ]);
  await writeWheel(wheels, {
    name: "large",
    version: `${version}`,
    files: {
      ...Object.fromEntries(modules),
      "contested.py": "large = 1\n",
      "large/data.bin": randomBytes(3 * 1024 * 1024),
    },
    ...(broken && { metadata: { WHEEL: undefined } }),
  });
  await project.write("src/main.py", `print(${version})\n`);
  await project.write(
    "image.ts",
    debianImage(
      registry.host,
      name,
      `withPipPackages("large==${version}", "small")`,
      'withSourceFolder("./src", "/app")',
    ),
  );
}

/** Lets a build of the same get to its end, and looks whether its tag is whole. */
async function buildAfter(about: string): Promise<BuildResult> {
  expect(await tags.missing(), about).toEqual([]);
  const { code, events, stderr } = await tryBuild(project, [], { env: { TMPDIR: temporary } });
  const last = events.at(-1);
  expect(code, `${about}, and then:\n${stderr}`).toBe(0);
  if (last?.kind !== "finished") throw new Error(`${about}: no result`);
  expect(await tags.missing(), about).toEqual([]);
  const { uri } = last.result;
  expect(tags.whole, about).toContain(uri.slice(uri.lastIndexOf(":") + 1));
  return last.result;
}

/** Kills a build of something new, and then lets one of the same get to its end. Gives whether it came to be killed. */
async function killAndBuild(moment: Moment): Promise<boolean> {
  await change();
  const killed = await interruptedBuild(project, "SIGKILL", moment, {
    env: { TMPDIR: temporary },
  });
  await buildAfter(`version ${version}, killed at ${moment}`);
  return killed.interrupted;
}

/** Nothing is damaged, and nothing is there that nobody will ever use again. */
async function expectTidyStore(): Promise<void> {
  expect(await damagedBlobs()).toEqual([]);
  expect(await litter()).toEqual([]);
}

/** The blobs of the store whose content is not that of their name. */
async function damagedBlobs(): Promise<string[]> {
  const folder = join(project.store, "blobs/sha256");
  const damaged: string[] = [];
  for (const blob of await readdir(folder)) {
    const hash = createHash("sha256");
    await pipeline(createReadStream(join(folder, blob)), hash);
    if (hash.digest("hex") !== blob) damaged.push(blob);
  }
  return damaged;
}

// What a store consists of, when nobody works in it.
const kept = [
  /^blobs\/sha256\/[0-9a-f]{64}$/,
  /^memos\/[a-z-]+\/[0-9a-f]{2}\/[0-9a-f]{62}\.json$/,
  /^locks\/[0-9a-f]{32}\.lock$/,
  /^stripped-types\/[0-9a-f]{64}\.js$/,
  /^file-digests$/,
  // Node's and uv's own.
  /^compiled\//,
  /^uv-cache\//,
];

/** Files and folders in the store and in the temporary folder that nobody will ever use again. */
async function litter(): Promise<string[]> {
  const files = await readdir(project.store, { recursive: true, withFileTypes: true });
  return [
    ...files
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(project.store.length + 1))
      .filter((path) => !kept.some((pattern) => pattern.test(path))),
    ...(await readdir(join(project.store, "sessions"))),
    ...(await readdir(temporary)),
  ];
}

describe("a build that is killed leaves a store for the next, and no tag half-way:", () => {
  const tasks = ["base", "resolve", "fetch", "layer", "push", "publish"];
  const moments = [
    "started",
    "planned",
    "warning",
    "finished",
    ...tasks.flatMap((task) => [`task-started ${task}`, `task-finished ${task}`]),
    "task-progress fetch",
    "task-progress push",
  ];

  test.each(moments)("ten times at the event %s", async (moment) => {
    for (let time = 0; time < 10; time++) {
      expect(await killAndBuild(moment), `${moment} was never emitted`).toBe(true);
    }
    await expectTidyStore();
  });

  test("ten times as it fails", async () => {
    for (const moment of ["task-failed", "failed"]) {
      for (let time = 0; time < 5; time++) {
        await change({ broken: true });
        const killed = await interruptedBuild(project, "SIGKILL", moment);
        expect(killed.interrupted, `${moment} was never emitted`).toBe(true);
        await change();
        await buildAfter(`version ${version}, killed at ${moment}`);
      }
    }
    await expectTidyStore();
  });

  test("a hundred times at random", async () => {
    await change();
    const { milliseconds } = await buildAfter("before");
    let killed = 0;
    for (let time = 0; time < 100; time++) {
      // Some time goes by before the build begins, and after it.
      if (await killAndBuild(Math.random() * (milliseconds + 400))) killed++;
    }
    expect(killed).toBeGreaterThan(50);
    await expectTidyStore();
  });
});

describe("Ctrl-C", () => {
  test.each([
    "started",
    "task-started resolve",
    "task-progress fetch",
    "task-started layer",
    "task-finished layer",
    "task-progress push",
    "task-started publish",
  ])("stops a build cleanly at the event %s", async (moment) => {
    for (let time = 0; time < 3; time++) {
      await change();
      const { interrupted, code, stderr, orphans } = await interruptedBuild(
        project,
        "SIGINT",
        moment,
        { env: { TMPDIR: temporary } },
      );
      expect(interrupted).toBe(true);
      expect(stderr).toBe("error: Interrupted.\n");
      expect(code).toBe(130);
      await vi.waitFor(async () => expect(await orphans()).toEqual([]), { timeout: 1_000 });
      // A partial download is kept, so that the next build goes on with it.
      expect((await litter()).filter((path) => !path.startsWith("partial/"))).toEqual([]);
      await buildAfter(`version ${version}, interrupted at ${moment}`);
      await expectTidyStore();
    }
  });
});

describe("two builds at once of one image", () => {
  test("succeed with one store", async () => {
    for (let time = 0; time < 5; time++) {
      await change();
      const results = await Promise.all([build(project), build(project)]);
      expect(new Set(results.map(({ digest }) => digest)).size).toBe(1);
      expect(await tags.missing()).toEqual([]);
      await expectTidyStore();
    }
  });

  test("succeed with a store each", async () => {
    for (let time = 0; time < 5; time++) {
      await change();
      const store = join(project.folder, `../store-${time}`);
      const results = await Promise.all([build(project), build({ ...project, store })]);
      expect(new Set(results.map(({ digest }) => digest)).size).toBe(1);
      expect(await tags.missing()).toEqual([]);
    }
  });

  test("succeed into one layout", async () => {
    for (let time = 0; time < 5; time++) {
      await change();
      const output = ["--output", `oci:layout-${time}`];
      const results = await Promise.all([build(project, output), build(project, output)]);
      expect(new Set(results.map(({ digest }) => digest)).size).toBe(1);
    }
  });
});
