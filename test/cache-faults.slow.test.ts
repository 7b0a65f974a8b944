import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { BuildResult } from "../packages/lamella/src/engine/result.ts";
import {
  type RunningRegistry,
  startRegistry,
} from "../packages/lamella/testing/docker-registry.ts";
import {
  type Interference,
  startRegistryProxy,
} from "../packages/lamella/testing/registry-proxy.ts";
import {
  builtLayers,
  type CachedProject,
  createCachedProject,
  imageFor,
  layersOf,
  type WatchedBuild,
  watchedBuild,
} from "./cached-project.ts";
import { type Answer, drop, first, reset, says, slow } from "./faulty-answers.ts";
import { build, debianImage } from "./project.ts";
import { withTraffic } from "./registry-traffic.ts";

// The registry of a cache fails, while that of the image works: the image is always what it should be, and what could
// not be read or written is said.

let project: CachedProject;
/** Has caches and nothing else. */
let registry: RunningRegistry;
let digest: string;
/** Of the image, whichever registry it is in. */
let layers: readonly string[];
let open: AsyncDisposableStack;
let machines = 0;

beforeAll(async () => {
  project = await createCachedProject();
  // Larger than what is sent at once, so that an upload can be met half-way.
  await project.write("src/data.bin", randomBytes(3_000_000));
  const whole = await build(project.machine("first"));
  digest = whole.digest;
  layers = layerDigests(whole);
});
afterAll(() => project?.[Symbol.asyncDispose]());
beforeEach(async () => {
  open = new AsyncDisposableStack();
  registry = open.use(await startRegistry());
});
afterEach(() => open.disposeAsync());

function layerDigests(result: BuildResult): readonly string[] {
  return layersOf(result).map(({ digest: layer }) => layer);
}

/** A cache behind a registry that does this to requests. */
async function cacheBehind(answer: Answer): Promise<string> {
  const { host } = open.use(await startRegistryProxy(registry.host, { answer }));
  return `${host}/caches/app:main`;
}

function methodIs(method: string, answer: Answer): Answer {
  return (request, response) => request.method === method && answer(request, response);
}

/** Does something to requests for blobs, but the first, which is for the document. */
function onDownloads(answer: Answer): Answer {
  let downloads = 0;
  return (request, response) => isDownload(request) && ++downloads > 1 && answer(request, response);
}

function isDownload({ method, url = "" }: IncomingMessage): boolean {
  return method === "GET" && url.includes("/blobs/");
}

/** The same length, and another first byte. */
function damaged(body: Buffer): Buffer {
  return Buffer.from(body.map((byte, at) => (at === 0 ? byte ^ 1 : byte)));
}

async function exportTo(cache: string): Promise<WatchedBuild> {
  const built = await watchedBuild(project.machine("first"), ["--force", "--cache-to", cache]);
  expect(built.result.digest).toBe(digest);
  return built;
}

/** A machine that knows nothing but the cache. */
async function importFrom(cache: string): Promise<WatchedBuild> {
  const machine = project.machine(`fresh-${++machines}`);
  const built = await watchedBuild(machine, ["--locked", "--force", "--cache-from", cache]);
  expect(built.result.digest).toBe(digest);
  return built;
}

/** Whether the cache is whole: nothing is to be made with it. */
async function isWhole(): Promise<boolean> {
  return builtLayers((await importFrom(`${registry.host}/caches/app:main`)).result).length === 0;
}

describe("a cache's registry that recovers is borne with,", () => {
  const faults: readonly (readonly [string, () => Answer])[] = [
    ["which resets connections", () => first(4, reset)],
    ["which answers 500", () => first(4, says(500))],
    ["which wants to be left alone", () => first(4, says(429, { "retry-after": "1" }))],
    ["which is slow", () => slow],
  ];

  test.each(faults)("%s, when a cache is written", async (_, answer) => {
    const { warnings } = await exportTo(await cacheBehind(answer()));
    expect(warnings).toEqual([]);
    expect(await isWhole()).toBe(true);
  });

  test("which drops uploads half-way, when a cache is written", async () => {
    let drops = 0;
    const cache = await cacheBehind((request) => drops < 3 && drop(request) && ++drops > 0);
    const { warnings } = await exportTo(cache);
    expect(drops).toBe(3);
    expect(warnings).toEqual([]);
    expect(await isWhole()).toBe(true);
  });

  test.each(faults)("%s, when a cache is read", async (_, answer) => {
    await exportTo(`${registry.host}/caches/app:main`);
    const { result, warnings } = await importFrom(await cacheBehind(answer()));
    expect(warnings).toEqual([]);
    expect(builtLayers(result)).toEqual([]);
  });
});

describe("a cache's registry that stays broken costs a warning,", () => {
  test.each([
    ["which resets connections", reset],
    ["which answers 500", says(500)],
    ["which wants to be left alone", says(429)],
    ["which forbids", says(403)],
  ] as const)("%s, when a cache is read", async (_, answer) => {
    const { result, warnings } = await importFrom(await cacheBehind(answer));
    expect(warnings).toEqual(["cache-unreadable"]);
    expect(builtLayers(result).length).toBeGreaterThan(0);
  });

  test.each([
    ["which resets connections", reset],
    ["which answers 500", says(500)],
    ["which forbids", says(403)],
    ["which drops uploads half-way", drop],
    [
      "which fails at the last moment",
      (request: IncomingMessage, response: ServerResponse) =>
        request.method === "PUT" && request.url?.includes("/manifests/") === true
          ? says(500)(request, response)
          : false,
    ],
  ] as const)(
    "%s, when a cache is written; and the next build writes it without doing all again",
    async (_, answer) => {
      const { warnings } = await exportTo(await cacheBehind(answer));
      expect(warnings).toEqual(["cache-unwritable"]);

      const again = await withTraffic(registry, () => exportTo(`${registry.host}/caches/app:main`));

      expect(again.result.warnings).toEqual([]);
      expect(builtLayers(again.result.result)).toEqual([]);
      expect(await isWhole()).toBe(true);
    },
  );

  test("which is not there, at once", async () => {
    const cache = "127.0.0.1:1/caches/app:main";
    const began = performance.now();
    const { result, warnings } = await importFrom(cache);
    expect(warnings).toEqual(["cache-unreadable"]);
    expect(builtLayers(result).length).toBeGreaterThan(0);
    expect(performance.now() - began).toBeLessThan(30_000);
  });
});

/** A build for a registry that has nothing yet, with caches whose layers have to be streamed there. */
async function importElsewhere(...caches: readonly string[]): Promise<WatchedBuild> {
  const target = open.use(await startRegistry());
  await project.write("image.ts", imageFor(target.host, "app"));
  open.defer(() => project.write("image.ts", imageFor(project.registry.host, "app")));
  const machine = project.machine(`fresh-${++machines}`);
  return await watchedBuild(
    machine,
    caches.flatMap((cache) => ["--cache-from", cache]),
  );
}

/** The definition of an image with a command that leaves something else each time. */
function commandFor(host: string): string {
  return debianImage(host, "app", 'withCommands("head -c 100000 /dev/urandom > /made")');
}

/** Gives the first half of every layer, and then the connection is gone. */
function givesHalf(): Answer {
  return onDownloads(async ({ url, headers: { range } }, response) => {
    const whole = await fetch(`http://${registry.host}${url}`, {
      ...(range !== undefined && { headers: { range } }),
    });
    const bytes = new Uint8Array(await whole.arrayBuffer());
    response.writeHead(whole.status, Object.fromEntries(whole.headers));
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
    return true;
  });
}

describe("a cache's registry that gives the document, but no layers,", () => {
  beforeEach(async () => {
    await exportTo(`${registry.host}/caches/app:main`);
  });

  test("which breaks off now and then, is asked for the rest", async () => {
    let downloads = 0;
    const cache = await cacheBehind(async (request, response) => {
      // The first is the document.
      if (!isDownload(request) || ++downloads === 1 || downloads > 6) return false;
      return reset(request, response);
    });
    const { result, warnings } = await importElsewhere(cache);
    expect(builtLayers(result)).toEqual([]);
    expect(warnings).toEqual([]);
    expect(downloads).toBeGreaterThan(6);
  });

  test.each([
    ["does not say whether it has them", () => methodIs("HEAD", says(500))],
    ["breaks off always", () => onDownloads(reset)],
    ["gives half of them", givesHalf],
    ["forbids them", () => onDownloads(says(403))],
  ] as const)("which %s, costs the work and one warning", async (_, answer) => {
    const { result, warnings } = await importElsewhere(await cacheBehind(answer()));
    expect(layerDigests(result)).toEqual(layers);
    expect(builtLayers(result).length).toBeGreaterThan(3);
    expect(warnings).toEqual(["cache-unreadable"]);
  });

  test("which gives other bytes, costs the work and one warning", async () => {
    let downloads = 0;
    const body: Interference["body"] = (request, whole) =>
      isDownload(request) && ++downloads > 1 ? damaged(whole) : whole;
    const { host } = open.use(await startRegistryProxy(registry.host, { body }));
    const { result, warnings } = await importElsewhere(`${host}/caches/app:main`);
    expect(layerDigests(result)).toEqual(layers);
    expect(warnings).toEqual(["cache-unreadable"]);
  });

  test("has commands executed that were executed elsewhere", async () => {
    await project.write("image.ts", commandFor(project.registry.host));
    await build(project.machine("first"), ["--cache-to", `${registry.host}/caches/commands`]);
    const target = open.use(await startRegistry());
    await project.write("image.ts", commandFor(target.host));
    open.defer(() => project.write("image.ts", imageFor(project.registry.host, "app")));
    const { host } = open.use(await startRegistryProxy(registry.host, { answer: givesHalf() }));

    const { result, warnings } = await watchedBuild(project.machine(`fresh-${++machines}`), [
      "--cache-from",
      `${host}/caches/commands`,
    ]);

    expect(builtLayers(result)).toContainEqual(expect.stringContaining("urandom"));
    expect(warnings).toEqual(["cache-unreadable"]);
  });

  test("leaves the layers to another cache that has them", async () => {
    const whole = `${registry.host}/caches/app:main`;
    const { result, warnings } = await importElsewhere(await cacheBehind(givesHalf()), whole);
    expect(layerDigests(result)).toEqual(layers);
    expect(builtLayers(result)).toEqual([]);
    expect(warnings).toEqual(["cache-unreadable"]);
  });
});
