import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type RequestLine,
  type RunningRegistry,
  startRegistry,
} from "../packages/lamella/testing/docker-registry.ts";
import { startRegistryProxy } from "../packages/lamella/testing/registry-proxy.ts";
import {
  builtLayers,
  type CachedProject,
  createCachedProject,
  imageFor,
  layersOf,
  watchedBuild,
} from "./cached-project.ts";
import { build } from "./project.ts";
import { withTraffic } from "./registry-traffic.ts";

// A base that lies in a registry of its own, as one of Docker Hub does. A machine that has the lock and a cache has no
// need of it, wherever the image goes.

/** Has the base. */
let project: CachedProject;
/** Has the images and the cache. */
let registry: RunningRegistry;
let cache: string;
let edits = 0;

beforeAll(async () => {
  project = await createCachedProject();
  registry = await startRegistry();
  cache = `${registry.host}/caches/app`;
  await project.write("image.ts", imageFor(registry.host, "app"));
  await build(project.machine("first"), ["--locked", "--cache-to", cache]);
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await project?.[Symbol.asyncDispose]();
});

/** What a piece of work asked of the base's registry. */
async function askedOfBase(work: () => Promise<unknown>): Promise<readonly RequestLine[]> {
  const before = (await project.registry.accessLog()).length;
  await work();
  return (await project.registry.accessLog()).slice(before);
}

async function changeSource(): Promise<void> {
  await project.write("src/main.py", `print(${++edits})\n`);
}

const fresh = ["--locked"];

test("its registry is not asked where the image's repository has its layers", async () => {
  await changeSource();
  const asked = await askedOfBase(async () => {
    const { result, ...traffic } = await withTraffic(registry, () =>
      build(project.machine("same"), [...fresh, "--cache-from", cache]),
    );
    expect(builtLayers(result)).toEqual(["files in /app"]);
    // The cache's document; the changed layer and the image's config.
    expect(traffic.downloads).toHaveLength(1);
    expect(traffic.uploads).toHaveLength(2);
  });
  expect(asked).toEqual([]);
});

test("nor for another repository, into which the cache's are mounted", async () => {
  await changeSource();
  await project.write("image.ts", imageFor(`${registry.host}/team`, "app"));
  const asked = await askedOfBase(async () => {
    const { result, ...traffic } = await withTraffic(registry, () =>
      build(project.machine("other"), [...fresh, "--cache-from", cache]),
    );
    expect(builtLayers(result)).toEqual(["files in /app"]);
    expect(traffic.downloads).toHaveLength(1);
    expect(traffic.uploads).toHaveLength(2);
    const others = layersOf(result).filter(({ source }) => source !== "built");
    expect(others.every(({ delivery }) => delivery === "mounted")).toBe(true);
    expect(others.some(({ source }) => source === "base")).toBe(true);
  });
  expect(asked).toEqual([]);
});

test("nor for another registry and a layout, where it cannot be reached", async () => {
  await changeSource();
  await project.configure({}, "127.0.0.1:1");
  await using target = await startRegistry();
  await project.write("image.ts", imageFor(target.host, "app"));
  const from = [...fresh, "--cache-from", cache];
  const pushed = await build(project.machine("away"), from);
  expect(builtLayers(pushed)).toEqual(["files in /app"]);
  const written = await build(project.machine("layout"), [...from, "--output", "oci:layout"]);
  expect(written.digest).toBe(pushed.digest);

  await project.configure({});
  const nothing = await build(project.machine("nothing"), [...fresh, "--force"]);
  expect(nothing.digest).toBe(pushed.digest);
});

test("a cache keeps the base's layers when others write it", async () => {
  await project.write("image.ts", imageFor(registry.host, "app"));
  const machine = project.machine("first");
  await build(machine, ["--locked", "--cache-to", cache]);
  const { uploads } = await withTraffic(registry, () =>
    build(machine, ["--locked", "--force", "--cache-to", cache]),
  );
  expect(uploads).toEqual([]);
  await changeSource();
  await project.write("image.ts", imageFor(`${registry.host}/later`, "app"));
  const asked = await askedOfBase(() =>
    build(project.machine("later"), [...fresh, "--cache-from", cache]),
  );
  expect(asked).toEqual([]);
});

test("its own registry gives the layers where a cache breaks off", async () => {
  await changeSource();
  await using target = await startRegistry();
  await project.write("image.ts", imageFor(target.host, "app"));
  let downloads = 0;
  await using broken = await startRegistryProxy(registry.host, {
    answer: ({ method, url = "", socket }) => {
      if (method !== "GET" || !url.includes("/blobs/") || ++downloads === 1) return false;
      socket.resetAndDestroy();
      return true;
    },
  });
  const { result, warnings } = await watchedBuild(project.machine("broken"), [
    ...fresh,
    "--cache-from",
    `${broken.host}/caches/app`,
  ]);
  expect(warnings).toEqual(["cache-unreadable"]);
  expect(layersOf(result).some(({ source }) => source === "base")).toBe(true);
});
