import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamella, temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import {
  builtLayers,
  type CachedProject,
  createCachedProject,
  imageFor,
  layersOf,
  type WatchedBuild,
  watchedBuild,
} from "./cached-project.ts";
import { failedBuild } from "./failed-build.ts";
import { build, debianImage } from "./project.ts";
import { withTraffic } from "./registry-traffic.ts";

// A cache in a registry, and machines whose stores are empty. What travels is read from the registries' own access logs.

let project: CachedProject;
/** A cache of the project as it was first. */
let cache: string;

beforeAll(async () => {
  project = await createCachedProject();
  cache = `${project.registry.host}/caches/app:main`;
  await build(project.machine("first"), ["--cache-to", cache]);
});
afterAll(() => project?.[Symbol.asyncDispose]());

let edits = 0;

/** Changes the source file. */
async function changeSource(): Promise<void> {
  await project.write("src/main.py", `print(${++edits})\n`);
}

/** The image of the project as it is now, made by a machine that knows nothing and is told nothing. */
async function madeFromNothing(...args: readonly string[]): Promise<string> {
  const machine = project.machine(`nothing-${++edits}`);
  return (await build(machine, ["--locked", "--force", ...args])).digest;
}

/** Digests of those layers of an image whose bytes were asked for. */
function amongLayers(
  result: Parameters<typeof layersOf>[0],
  digests: readonly string[],
): readonly string[] {
  const layers = new Set<string>(layersOf(result).map(({ digest }) => digest));
  return digests.filter((digest) => layers.has(digest));
}

/** An image with commands, the first of which leaves something else each time. */
function imageWithCommands(registry: string): string {
  return debianImage(
    registry,
    "commands",
    'withCommands("mkdir -m 0750 /made && date +%N > /made/when && ln -s made /link")',
    'withPipPackages("alpha", "beta")',
    'withCommands("touch /made/last")',
    'withSourceFolder("./src", "/link/src")',
  );
}

/** How many commands were executed. */
function executions({ events }: WatchedBuild): number {
  return events.filter((event) => event.kind === "task-started" && event.task.kind === "execute")
    .length;
}

describe("a fresh machine with a cache and one source file changed", () => {
  test("uploads its layer and the documents, and asks no index", async () => {
    await changeSource();
    const asked = project.index.requests.length;

    const { result, ...traffic } = await withTraffic(project.registry, () =>
      build(project.machine("fresh"), ["--locked", "--cache-from", cache]),
    );

    expect(project.index.requests.slice(asked)).toEqual([]);
    expect(builtLayers(result)).toEqual(["files in /app"]);
    const built = layersOf(result).find(({ source }) => source === "built");
    expect(traffic.uploads).toHaveLength(2);
    expect(traffic.uploads).toContain(built?.digest);
    expect(amongLayers(result, traffic.downloads)).toEqual([]);
    // The cache's document, which has the base's too.
    expect(traffic.downloads).toHaveLength(1);
    expect(traffic.manifests).toHaveLength(1);
    expect(result.digest).toBe(await madeFromNothing());
  });

  test("mounts all other layers into another repository", async () => {
    await changeSource();
    await project.write("image.ts", imageFor(`${project.registry.host}/team`, "app"));

    const { result, ...traffic } = await withTraffic(project.registry, () =>
      build(project.machine("mounting"), ["--locked", "--cache-from", cache]),
    );

    expect(builtLayers(result)).toEqual(["files in /app"]);
    expect(traffic.uploads).toHaveLength(2);
    expect(amongLayers(result, traffic.downloads)).toEqual([]);
    const others = layersOf(result).filter(({ source }) => source !== "built");
    expect(traffic.mounts.toSorted()).toEqual(others.map(({ digest }) => digest).toSorted());
    expect(others.every(({ delivery }) => delivery === "mounted")).toBe(true);
    expect(result.digest).toBe(await madeFromNothing());
    await project.write("image.ts", imageFor(project.registry.host, "app"));
  });

  test("streams them to another registry, a layout and its own store, once and without work", async () => {
    await changeSource();
    await using other = await startRegistry();
    await project.write("image.ts", imageFor(other.host, "app"));
    const pushed = await build(project.machine("pushing"), ["--locked", "--cache-from", cache]);
    expect(builtLayers(pushed)).toEqual(["files in /app"]);
    expect(pushed.digest).toBe(await madeFromNothing());

    const layout = ["--output", `oci:${join(project.folder, "../layout")}`];
    const written = await build(project.machine("writing"), [...layout, "--cache-from", cache]);
    expect(written.digest).toBe(pushed.digest);
    expect(builtLayers(written)).toEqual(["files in /app"]);

    await project.write("image.ts", imageFor("", "app").replace('"registry":"",', ""));
    const machine = project.machine("keeping");
    const kept = await build(machine, ["--cache-from", cache]);
    expect(builtLayers(kept)).toEqual(["files in /app"]);
    const blobs = await readdir(join(machine.store, "blobs/sha256"));
    for (const { digest, source } of layersOf(kept)) {
      if (source !== "base") expect(blobs).toContain(digest.slice("sha256:".length));
    }
    expect((await build(machine, [])).upToDate).toBe(true);
    await project.write("image.ts", imageFor(project.registry.host, "app"));
  });

  test("executes no command that another machine executed, and plans above what it left", async () => {
    const to = `${project.registry.host}/caches/commands`;
    await project.write("image.ts", imageWithCommands(project.registry.host));
    const first = await watchedBuild(project.machine("executing"), ["--cache-to", to]);
    expect(executions(first)).toBe(2);
    await changeSource();

    const { result, ...traffic } = await withTraffic(project.registry, () =>
      watchedBuild(project.machine("fresh-2"), ["--force", "--cache-from", to]),
    );

    expect(executions(result)).toBe(0);
    expect(result.warnings).toEqual([]);
    expect(builtLayers(result.result)).toEqual(["files in /link/src"]);
    expect(amongLayers(result.result, traffic.downloads)).toEqual([]);
    expect(traffic.uploads).toHaveLength(2);

    // A machine that executed them itself, and has lost what came out, takes what another one has.
    const machine = project.machine("pruned");
    await project.write("image.ts", imageWithCommands(`${project.registry.host}/pruned`));
    expect(executions(await watchedBuild(machine, []))).toBe(2);
    await rm(join(machine.store, "blobs"), { recursive: true });
    await project.write("image.ts", imageWithCommands(`${project.registry.host}/restored`));
    const restored = await watchedBuild(machine, ["--cache-from", to]);
    expect(executions(restored)).toBe(0);
    await project.write("image.ts", imageFor(project.registry.host, "app"));
  });

  test("needs no program: neither Python nor uv", async () => {
    await changeSource();
    await using empty = await temporaryFolder();
    const bare = { env: { PATH: empty.path, HOME: empty.path } };
    const args = ["--locked", "--force"];

    const cached = [...args, "--cache-from", cache];
    const result = await build(project.machine("bare"), cached, bare);

    expect(builtLayers(result)).toEqual(["files in /app"]);
    expect(result.digest).toBe(await madeFromNothing());
    const { message } = await failedBuild(project.machine("barer"), args, bare);
    expect(message).toContain("The lock was made with Python 3.11");
  });

  test("plans without work", async () => {
    const plan = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await lamella(["plan", "image.ts", ...args], {
        cwd: project.folder,
        env: { LAMELLA_HOME: project.machine(`planning-${++edits}`).store },
      });
      expect(code, stderr).toBe(0);
      return stdout;
    };
    const image = await build(project.machine("first"), ["--force"]);
    await changeSource();
    const asked = project.index.requests.length;
    const planned = await withTraffic(project.registry, () => plan("--cache-from", cache));

    expect(planned.result).toContain("1 of them to make");
    expect(amongLayers(image, planned.downloads)).toEqual([]);
    expect(project.index.requests.slice(asked)).toEqual([]);
    expect(await plan()).not.toContain("1 of them to make");
  });
});

describe("what a cache says", () => {
  test("is not known to a build that does not name the cache", async () => {
    const machine = project.machine("forgetful");
    await changeSource();
    await build(machine, ["--locked", "--cache-from", cache]);
    await changeSource();
    const asked = project.index.requests.length;

    const { result, downloads } = await withTraffic(project.registry, () => build(machine));

    // The base's outline is read, and all is made again.
    expect(amongLayers(result, downloads).length).toBeGreaterThan(0);
    expect(project.index.requests.length).toBeGreaterThan(asked);
    expect(builtLayers(result).length).toBeGreaterThan(1);
  });

  test("is what images and branches found out together", async () => {
    const shared = `${project.registry.host}/caches/shared`;
    const machine = project.machine("sharing");
    await build(machine, ["--force", "--cache-to", shared]);
    await project.write("image.ts", imageFor(project.registry.host, "other"));
    await build(machine, ["--force", "--cache-to", shared]);
    const second = await withTraffic(project.registry, () =>
      build(machine, ["--force", "--cache-to", shared]),
    );
    expect(second.uploads).toEqual([]);

    for (const name of ["app", "other"]) {
      await project.write("image.ts", imageFor(project.registry.host, name));
      const result = await build(project.machine(`shared-${name}`), [
        "--force",
        "--cache-from",
        shared,
      ]);
      expect(builtLayers(result)).toEqual([]);
    }
    await project.write("image.ts", imageFor(project.registry.host, "app"));
  });

  test("is taken from what the configuration names, in its order, unless the command names others", async () => {
    await project.configure({ from: [`${project.registry.host}/caches/none:yet`, cache] });
    await changeSource();
    const configured = await watchedBuild(project.machine("configured"), ["--locked"]);
    expect(builtLayers(configured.result)).toEqual(["files in /app"]);
    expect(configured.warnings).toEqual([]);

    const none = [
      "--locked",
      "--force",
      "--cache-from",
      `${project.registry.host}/caches/none:yet`,
    ];
    const commanded = await watchedBuild(project.machine("commanded"), none);
    expect(builtLayers(commanded.result).length).toBeGreaterThan(1);
    expect(commanded.result.digest).toBe(configured.result.digest);
    await project.configure({});
  });
});

describe("an image that is there already", () => {
  test("is put into a cache by the machine that made it, and is the same for it", async () => {
    await changeSource();
    const to = `${project.registry.host}/caches/later`;
    const machine = project.machine("first");
    const image = await build(machine);
    const { result, ...traffic } = await withTraffic(project.registry, () =>
      build(machine, ["--cache-to", to]),
    );
    expect(result).toMatchObject({ upToDate: true, digest: image.digest });
    expect(traffic.manifests).toEqual(["caches/later:latest"]);
    expect(amongLayers(image, traffic.downloads)).toEqual([]);
    expect(amongLayers(image, traffic.uploads)).toEqual([]);
    const again = ["--locked", "--force", "--cache-from", to];
    const asked = project.index.requests.length;
    expect(builtLayers(await build(project.machine("from-later"), again))).toEqual([]);
    expect(project.index.requests.slice(asked)).toEqual([]);
  });

  test("is put into none by a machine that knows nothing of it, which says so", async () => {
    const to = `${project.registry.host}/caches/never`;
    await build(project.machine("first"));
    const { result, ...traffic } = await withTraffic(project.registry, () =>
      watchedBuild(project.machine("passing"), ["--cache-to", to]),
    );
    expect(result.result.upToDate).toBe(true);
    expect(result.warnings).toEqual([]);
    expect(traffic.writes).toEqual([]);
    expect(traffic.downloads).toEqual([]);
    const said = result.events.flatMap((event) =>
      event.kind === "task-finished" ? [event.detail] : [],
    );
    expect(said).toEqual([expect.stringContaining("nothing is added")]);
  });
});

describe("a place that is none for a cache", () => {
  test("is found out before anything is built: an image", async () => {
    const taken = `${project.registry.host}/caches/image:1`;
    await project.write("image.ts", imageFor(`${project.registry.host}/caches`, "image"));
    await build(project.machine("image"), ["--tag", "1"]);
    await project.write("image.ts", imageFor(project.registry.host, "app"));
    await changeSource();

    const { result: error, writes } = await withTraffic(project.registry, () =>
      failedBuild(project.machine("image"), ["--cache-to", taken]),
    );

    expect(error.message).toContain(taken);
    expect(writes).toEqual([]);
  });

  test("is found out also where the image is there already", async () => {
    const taken = `${project.registry.host}/caches/image:1`;
    const { message } = await failedBuild(project.machine("first"), ["--cache-to", taken]);
    expect(message).toContain(taken);
  });

  test("is found out before anything is asked: a digest", async () => {
    const digest = `${project.registry.host}/caches/app@sha256:${"0".repeat(64)}`;
    const { message } = await failedBuild(project.machine("first"), ["--cache-to", digest]);
    expect(message).toContain(digest);
  });
});
