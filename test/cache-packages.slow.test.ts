import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { writeWheel } from "../packages/lamella/testing/wheel-writer.ts";
import {
  builtLayers,
  type CachedProject,
  createCachedProject,
  imageFor,
  layersOf,
  lock,
  watchedBuild,
} from "./cached-project.ts";
import { build } from "./project.ts";
import { withTraffic } from "./registry-traffic.ts";

// A package is added to an image of which a machine has nothing but a cache. Two of the packages there have one path with
// different content. The small ones share layers by their names: beta and pear, and that of each other one is its own.

const before = ["pear", "plum"];

let project: CachedProject;
let cache: string;

beforeAll(async () => {
  project = await createCachedProject();
  const wheels = join(project.folder, "wheels");
  for (const name of before) {
    await writeWheel(wheels, { name, files: { "fruit/shared.py": `owner = '${name}'\n` } });
  }
  await writeTinyWheels(wheels, [{ name: "delta", version: "1.0" }]);
  await project.write("image.ts", imageFor(project.registry.host, "app", ...before));
  cache = `${project.registry.host}/caches/app:main`;
  await build(project.machine("first"), ["--cache-to", cache]);
  await project.write("image.ts", imageFor(project.registry.host, "app", ...before, "delta"));
});
afterAll(() => project?.[Symbol.asyncDispose]());

/** The wheels that were downloaded since; uv, which reads metadata out of them, does not count. */
function downloadedSince(asked: number): readonly string[] {
  const downloads = project.index.requests
    .slice(asked)
    .filter(({ method, headers }) => method === "GET" && !headers["user-agent"]?.includes("uv/"))
    .flatMap(({ url }) => /^\/files\/(.+)/.exec(url)?.[1] ?? []);
  return [...new Set(downloads)].toSorted();
}

async function addsDelta(name: string, ...args: readonly string[]): Promise<string> {
  const asked = project.index.requests.length;
  const machine = project.machine(name);
  const { result: built, ...traffic } = await withTraffic(project.registry, () =>
    watchedBuild(machine, ["--force", "--cache-from", cache, ...args]),
  );
  const made = ["delta 1.0", "bytecode of delta 1.0"];
  expect(builtLayers(built.result).toSorted()).toEqual(made.toSorted());
  expect(downloadedSince(asked)).toEqual(["delta-1.0-py3-none-any.whl"]);
  const layers = new Set<string>(layersOf(built.result).map(({ digest }) => digest));
  expect(traffic.downloads.filter((digest) => layers.has(digest))).toEqual([]);
  return built.result.digest;
}

async function madeFromNothing(): Promise<string> {
  return (await build(project.machine("nothing"), ["--force"])).digest;
}

test("a package more is the only one that is downloaded, and its layers the only ones that are made", async () => {
  expect(await addsDelta("without a lock")).toBe(await madeFromNothing());
});

test("also where another machine made the lock", async () => {
  await lock(project.machine("locking"));
  expect(await addsDelta("with a lock", "--locked")).toBe(await madeFromNothing());
});

test("also where a machine that made all of it before wrote the cache", async () => {
  await project.write("image.ts", imageFor(project.registry.host, "app", ...before));
  const knowing = project.machine("knowing");
  await build(knowing, ["--force"]);
  cache = `${project.registry.host}/caches/app:later`;
  await build(knowing, ["--force", "--cache-to", cache]);
  await project.write("image.ts", imageFor(project.registry.host, "app", ...before, "delta"));
  expect(await addsDelta("later")).toBe(await madeFromNothing());
});

test("a package that shares files with others has those fetched, and no more", async () => {
  await writeWheel(join(project.folder, "wheels"), {
    name: "zebra",
    files: { "fruit/shared.py": "owner = 'zebra'\n" },
  });
  await project.write("image.ts", imageFor(project.registry.host, "app", ...before, "zebra"));
  const asked = project.index.requests.length;
  const fresh = await watchedBuild(project.machine("sharing"), ["--cache-from", cache, "--force"]);
  expect(downloadedSince(asked)).toEqual(
    ["pear", "plum", "zebra"].map((name) => `${name}-1.0-py3-none-any.whl`),
  );
  expect(builtLayers(fresh.result)).toContain("files of several packages");
  expect(fresh.warnings).toContain("packages-overlap");
  expect(fresh.result.digest).toBe(await madeFromNothing());
});
