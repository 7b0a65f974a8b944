import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
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
  type WatchedBuild,
  watchedBuild,
} from "./cached-project.ts";
import { build, tryBuild } from "./project.ts";
import { withTraffic } from "./registry-traffic.ts";

// The registry of a cache fails, while that of the image works: the image is always what it should be, and what could
// not be read or written is said.

let project: CachedProject;
/** Has caches and nothing else. */
let registry: RunningRegistry;
let digest: string;
let open: AsyncDisposableStack;
let machines = 0;

beforeAll(async () => {
  project = await createCachedProject();
  // Larger than what is sent at once, so that an upload can be met half-way.
  await project.write("src/data.bin", randomBytes(3_000_000));
  digest = (await build(project.machine("first"))).digest;
});
afterAll(() => project?.[Symbol.asyncDispose]());
beforeEach(async () => {
  open = new AsyncDisposableStack();
  registry = open.use(await startRegistry());
});
afterEach(() => open.disposeAsync());

type Answer = NonNullable<Interference["answer"]>;

/** A cache behind a registry that does this to requests. */
async function cacheBehind(answer: Answer): Promise<string> {
  const { host } = open.use(await startRegistryProxy(registry.host, { answer }));
  return `${host}/caches/app:main`;
}

/** Does something to the first requests only. */
function first(count: number, answer: Answer): Answer {
  let met = 0;
  return async (request, response) => met++ < count && (await answer(request, response));
}

const reset: Answer = ({ socket }) => {
  socket.resetAndDestroy();
  return true;
};

function says(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return (_, response: ServerResponse) => {
    response.writeHead(status, headers).end();
    return true;
  };
}

const slow: Answer = async () => {
  await delay(300);
  return false;
};

/** Takes part of what is uploaded, and then the connection is gone. */
function drop(request: IncomingMessage): boolean {
  if (request.method !== "PUT" && request.method !== "PATCH") return false;
  if (request.url?.includes("/blobs/uploads/") !== true) return false;
  let received = 0;
  request.on("data", (chunk: Buffer) => {
    received += chunk.length;
    if (received > 500_000) request.socket.resetAndDestroy();
  });
  // What is small is whole before that, and never answered.
  request.on("end", () => request.socket.destroy());
  return true;
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

function isDownload({ method, url = "" }: IncomingMessage): boolean {
  return method === "GET" && url.includes("/blobs/");
}

/** What becomes of the layers where the image's own registry does not have them. */
async function importElsewhere(answer: Answer): ReturnType<typeof tryBuild> {
  await exportTo(`${registry.host}/caches/app:main`);
  const cache = await cacheBehind(answer);
  const target = open.use(await startRegistry());
  await project.write("image.ts", imageFor(target.host, "app"));
  open.defer(() => project.write("image.ts", imageFor(project.registry.host, "app")));
  const machine = project.machine(`fresh-${++machines}`);
  return await tryBuild(machine, ["--cache-from", cache]);
}

describe("a cache's registry that gives the document, but no layers,", () => {
  test("which does not say whether it has them, costs the work", async () => {
    const { events } = await importElsewhere((request, response) =>
      request.method === "HEAD" ? says(500)(request, response) : false,
    );
    const last = events.at(-1);
    expect(last?.kind === "finished" && builtLayers(last.result).length).toBeGreaterThan(3);
  });

  test("which breaks off now and then, is asked for the rest", async () => {
    let downloads = 0;
    const { events } = await importElsewhere(async (request, response) => {
      // The first is the document.
      if (!isDownload(request) || ++downloads === 1 || downloads > 6) return false;
      return reset(request, response);
    });
    const last = events.at(-1);
    expect(last?.kind === "finished" && builtLayers(last.result)).toEqual([]);
    expect(downloads).toBeGreaterThan(6);
  });

  test("which breaks off always, is named by one error", async () => {
    let downloads = 0;
    const answer: Answer = (request, response) =>
      isDownload(request) && ++downloads > 1 ? reset(request, response) : false;
    const { code, events, stderr } = await importElsewhere(answer);
    expect(code).toBe(1);
    expect(events.filter(({ kind }) => kind === "failed")).toHaveLength(1);
    expect(stderr).toMatch(/127\.0\.0\.1:\d+/);
  });
});
