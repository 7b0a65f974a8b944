import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Handler,
  type RunningHttpServer,
  startHttpServer,
} from "../../testing/http-server.ts";
import { DigestMemo } from "../files/digest-memo.ts";
import { Store } from "../store/store.ts";
import { WheelDownloader } from "./download.ts";
import type { WheelFile } from "./lock.ts";
import { Credentials } from "./package-index/credentials.ts";
import type { IndexSettings } from "./package-index/settings.ts";

const content = randomBytes(3 * 1024 * 1024 + 17);
const sha256 = createHash("sha256").update(content).digest("hex");
const filename = "big-1.0-py3-none-any.whl";
const nothing: IndexSettings = {
  indexes: [],
  findLinks: [],
  noIndex: false,
  trustedHosts: [],
  steering: {},
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "lamella-download-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

interface Fixture extends AsyncDisposable {
  readonly server: RunningHttpServer;
  readonly store: Store;
  readonly downloader: WheelDownloader;
  readonly wheel: WheelFile;
}

async function start(
  handler: Handler,
  settings: (origin: string) => Partial<IndexSettings> = () => ({}),
  env: Record<string, string> = {},
): Promise<Fixture> {
  const server = await startHttpServer(handler);
  const store = await Store.open(await mkdtemp(path.join(folder, "store-")));
  const downloader = await WheelDownloader.open({
    store,
    env: { HOME: folder, ...env },
    settings: { ...nothing, ...settings(server.origin) },
    firstPause: 5,
  });
  return {
    server,
    store,
    downloader,
    wheel: { filename, url: `${server.origin}/files/${filename}`, sha256 },
    async [Symbol.asyncDispose]() {
      await downloader[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Answers as a good server does, from the byte that is asked for. */
function send(request: IncomingMessage, response: ServerResponse, end = content.length): void {
  const [, first] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? [];
  const from = Number(first ?? 0);
  response.writeHead(first === undefined ? 200 : 206, {
    "content-length": content.length - from,
    ...(first !== undefined && {
      "content-range": `bytes ${from}-${content.length - 1}/${content.length}`,
    }),
  });
  if (request.method === "HEAD") response.end();
  else if (end === content.length) response.end(content.subarray(from));
  else response.write(content.subarray(from, end), () => setTimeout(() => response.destroy(), 20));
}

async function stored(fixture: Fixture): Promise<Buffer> {
  return await readFile(fixture.store.blobs.path(`sha256:${sha256}`));
}

describe("from a server that behaves", () => {
  test("a wheel is in the store under its hash, and is asked for once", async () => {
    await using fixture = await start((request, response) => send(request, response));
    const progress: [number, number | undefined][] = [];
    const fetched = await fixture.downloader.fetch(fixture.wheel, {
      onProgress: (done, total) => progress.push([done, total]),
    });
    expect(fetched).toEqual({
      path: fixture.store.blobs.path(`sha256:${sha256}`),
      size: content.length,
    });
    expect((await stored(fixture)).equals(content)).toBe(true);
    expect(progress.at(-1)).toEqual([content.length, content.length]);
    expect(progress.every(([done], index) => done > (progress[index - 1]?.[0] ?? -1))).toBe(true);
    await fixture.downloader.fetch(fixture.wheel);
    expect(fixture.server.requests).toHaveLength(1);
    expect(fixture.server.requests[0]?.headers["accept-encoding"]).toBe("identity");
  });

  test("one download for those who want it at the same time, and no more than eight in all", async () => {
    let open = 0;
    let most = 0;
    await using fixture = await start(async (request, response) => {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 20));
      open--;
      if (request.url?.includes("big")) send(request, response);
      else response.end(request.url);
    });
    const same = [1, 2, 3].map(() => fixture.downloader.fetch(fixture.wheel));
    const others = Array.from({ length: 20 }, (_, index) => {
      const url = `/files/x${index}-1-py3-none-any.whl`;
      return fixture.downloader.fetch({
        filename: path.basename(url),
        url: fixture.server.origin + url,
        sha256: createHash("sha256").update(url).digest("hex"),
      });
    });
    await Promise.all([...same, ...others]);
    expect(fixture.server.requests).toHaveLength(21);
    expect(most).toBeLessThanOrEqual(8);
    expect(most).toBeGreaterThan(2);
  });

  test("the size without the content, asked for once", async () => {
    await using fixture = await start((request, response) => send(request, response));
    expect(await fixture.downloader.size(fixture.wheel)).toBe(content.length);
    expect(await fixture.downloader.size(fixture.wheel)).toBe(content.length);
    expect(fixture.server.requests.map(({ method }) => method)).toEqual(["HEAD"]);
    expect(await fixture.downloader.size({ ...fixture.wheel, size: 7 })).toBe(7);
  });

  test("the size where HEAD is refused", async () => {
    await using fixture = await start((request, response) => {
      if (request.method === "HEAD") response.writeHead(403).end();
      else
        response
          .writeHead(206, { "content-range": "bytes 0-0/12345", "content-length": 1 })
          .end("x");
    });
    expect(await fixture.downloader.size(fixture.wheel)).toBe(12_345);
  });
});

describe("from a server that breaks off", () => {
  test("what is there is kept, and the rest asked for", async () => {
    let broken = 0;
    await using fixture = await start((request, response) => {
      if (broken++ < 3) send(request, response, broken * 700_000);
      else send(request, response);
    });
    await fixture.downloader.fetch({ ...fixture.wheel, size: content.length });
    expect((await stored(fixture)).equals(content)).toBe(true);
    const ranges = fixture.server.requests.map(({ headers }) => headers["range"]);
    expect(ranges[0]).toBeUndefined();
    expect(ranges).toHaveLength(4);
    expect(new Set(ranges).size).toBe(4);
  });

  test("also when it knows no ranges", async () => {
    let broken = 0;
    await using fixture = await start((request, response) => {
      delete request.headers.range;
      if (broken++ < 1) send(request, response, 1_000_000);
      else send(request, response);
    });
    await fixture.downloader.fetch(fixture.wheel);
    expect((await stored(fixture)).equals(content)).toBe(true);
  });

  test("also when it sends another range than was asked for", async () => {
    let answers = 0;
    await using fixture = await start((request, response) => {
      answers++;
      if (answers === 1) send(request, response, 1_000_000);
      else if (request.headers.range !== undefined) {
        response.writeHead(206, {
          "content-range": `bytes 5-${content.length - 1}/${content.length}`,
        });
        response.end(content.subarray(5));
      } else send(request, response);
    });
    await fixture.downloader.fetch(fixture.wheel);
    expect((await stored(fixture)).equals(content)).toBe(true);
    expect(answers).toBe(3);
  });

  test("another process continues, and a spoilt beginning is thrown away", async () => {
    await using fixture = await start((request, response) => send(request, response));
    {
      await using writer = await fixture.store.blobs.partial(`sha256:${sha256}`);
      await writer.write(content.subarray(0, 1_000_000));
    }
    await fixture.downloader.fetch(fixture.wheel);
    expect(fixture.server.requests[0]?.headers["range"]).toBe("bytes=1000000-");
    expect((await stored(fixture)).equals(content)).toBe(true);

    await fixture.store.blobs.remove(`sha256:${sha256}`);
    {
      await using writer = await fixture.store.blobs.partial(`sha256:${sha256}`);
      await writer.write(randomBytes(1_000_000));
    }
    await fixture.downloader.fetch(fixture.wheel);
    expect((await stored(fixture)).equals(content)).toBe(true);
  });

  test("a beginning that is longer than the whole", async () => {
    await using fixture = await start((request, response) => {
      if (request.headers.range === undefined) send(request, response);
      else response.writeHead(416).end();
    });
    {
      await using writer = await fixture.store.blobs.partial(`sha256:${sha256}`);
      await writer.write(randomBytes(content.length + 1));
    }
    await fixture.downloader.fetch(fixture.wheel);
    expect((await stored(fixture)).equals(content)).toBe(true);
  });

  test("for ever: an error that names the wheel", { timeout: 20_000 }, async () => {
    await using fixture = await start((_, response) => void response.destroy());
    await expect(fixture.downloader.fetch(fixture.wheel)).rejects.toMatchObject({
      code: "wheel-download-failed",
    });
    await expect(fixture.downloader.fetch(fixture.wheel)).rejects.toThrow(filename);
    expect(fixture.server.requests).toHaveLength(10);
  });

  test("while it is busy: it is asked again when it says", async () => {
    const times: number[] = [];
    await using fixture = await start((request, response) => {
      times.push(performance.now());
      if (times.length === 1) response.writeHead(429, { "retry-after": "1" }).end("later");
      else if (times.length === 2) response.writeHead(503).end();
      else send(request, response);
    });
    await fixture.downloader.fetch(fixture.wheel);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(950);
  });
});

describe("from a server that lies", () => {
  test.each<[string, Handler]>([
    ["other bytes", (_, response) => void response.end(randomBytes(content.length))],
    [
      "fewer bytes, without a length",
      (_, response) => {
        response.write(content.subarray(0, 1000));
        response.end();
      },
    ],
  ])("%s", async (_, handler) => {
    await using fixture = await start(handler);
    const failed = fixture.downloader.fetch(fixture.wheel);
    await expect(failed).rejects.toMatchObject({ code: "wheel-hash-mismatch" });
    await expect(failed).rejects.toThrow(filename);
    expect(await fixture.store.blobs.has(`sha256:${sha256}`)).toBeUndefined();
  });

  test("more bytes than the lock says: it is not read to the end", async () => {
    await using fixture = await start((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(randomBytes(65_536)));
        response.once("drain", more);
      };
      more();
    });
    await expect(
      fixture.downloader.fetch({ ...fixture.wheel, size: 100_000 }),
    ).rejects.toMatchObject({
      code: "wheel-hash-mismatch",
    });
  });

  test("another length than the lock says: nothing is read", async () => {
    await using fixture = await start((request, response) => send(request, response));
    await expect(fixture.downloader.fetch({ ...fixture.wheel, size: 5 })).rejects.toMatchObject({
      code: "wheel-hash-mismatch",
    });
    expect(fixture.server.requests).toHaveLength(1);
  });

  test.each([
    [404, "wheel-not-found"],
    [410, "wheel-not-found"],
    [400, "wheel-download-failed"],
    [401, "index-unauthorized"],
    [403, "index-unauthorized"],
  ])("HTTP %i is final", async (status, code) => {
    await using fixture = await start((_, response) => void response.writeHead(status).end("no"));
    await expect(fixture.downloader.fetch(fixture.wheel)).rejects.toMatchObject({ code });
    expect(fixture.server.requests).toHaveLength(1);
  });
});

const index = (origin: string): Partial<IndexSettings> => ({
  indexes: [{ url: `${origin}/simple`, credentials: new Credentials("joe", "s3cret") }],
});

describe("credentials", () => {
  const authorization = `Basic ${Buffer.from("joe:s3cret").toString("base64")}`;

  test("go to the index's origin, and not where it redirects to", async () => {
    await using mirror = await startHttpServer((request, response) => send(request, response));
    await using fixture = await start((request, response) => {
      if (request.headers.authorization !== authorization) response.writeHead(401).end();
      else if (request.url?.startsWith("/files/"))
        response.writeHead(302, { location: `/moved/${filename}` }).end();
      else
        response
          .writeHead(307, {
            location: `${mirror.origin.replace("//", "//eve:x@")}/x?signature=abc`,
          })
          .end();
    }, index);
    await fixture.downloader.fetch(fixture.wheel);
    expect(fixture.server.requests.map(({ headers }) => headers["authorization"])).toEqual([
      authorization,
      authorization,
    ]);
    expect(mirror.requests.map(({ headers }) => headers["authorization"])).toEqual([undefined]);
  });

  test("are found after a refusal in the user's netrc of that host alone", async () => {
    await writeFile(path.join(folder, "netrc"), "machine 127.0.0.1 login joe password s3cret");
    await using fixture = await start(
      (request, response) => {
        if (request.headers.authorization === authorization) send(request, response);
        else response.writeHead(401).end();
      },
      undefined,
      { NETRC: path.join(folder, "netrc") },
    );
    await fixture.downloader.fetch(fixture.wheel);
  });

  test("that are refused are an error that does not tell them", async () => {
    await using fixture = await start(
      (_, response) => void response.writeHead(401).end("joe s3cret"),
      index,
    );
    const error: unknown = await fixture.downloader
      .fetch(fixture.wheel)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "index-unauthorized",
      message: expect.stringContaining("refused") as string,
    });
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain("s3cret");
  });

  test.each([
    ["for ever", (origin: string) => `${origin}/again`],
    ["to a file", () => "file:///etc/passwd"],
    ["to nonsense", () => "http://["],
  ])("a redirect %s ends", async (_, location) => {
    await using fixture = await start((request, response) => {
      response.writeHead(302, { location: location(`http://${request.headers.host}`) }).end();
    });
    await expect(fixture.downloader.fetch(fixture.wheel)).rejects.toMatchObject({
      code: "wheel-download-failed",
    });
    expect(fixture.server.requests.length).toBeLessThanOrEqual(6);
  });
});

test("plain http goes to a proxy as a whole address, and hosts of NO_PROXY do not", async () => {
  await using proxy = await startHttpServer((request, response) => send(request, response));
  const wheel = { filename, url: `http://files.invalid/${filename}`, sha256 };
  await using fixture = await start((request, response) => send(request, response), undefined, {
    HTTP_PROXY: proxy.origin,
    NO_PROXY: "127.0.0.1",
  });
  await fixture.downloader.fetch(wheel);
  expect(proxy.requests.map(({ url }) => url)).toEqual([wheel.url]);
  await fixture.store.blobs.remove(`sha256:${sha256}`);
  await fixture.downloader.fetch(fixture.wheel);
  expect(proxy.requests).toHaveLength(1);
});

test("cancelling keeps what is there", async () => {
  await using fixture = await start((request, response) => {
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (from > 0) send(request, response);
    else {
      response.writeHead(200, { "content-length": content.length });
      response.write(content.subarray(0, 1_000_000));
    }
  });
  const controller = new AbortController();
  const failed = fixture.downloader.fetch(fixture.wheel, {
    signal: controller.signal,
    onProgress: (done) => done >= 1_000_000 && controller.abort(new Error("enough")),
  });
  await expect(failed).rejects.toThrow("enough");
  await fixture.downloader.fetch(fixture.wheel);
  expect(fixture.server.requests[1]?.headers["range"]).toBe("bytes=1000000-");
});

test("a wheel in a folder is used where it lies, once its hash is right", async () => {
  const file = path.join(folder, filename);
  await writeFile(file, content);
  const store = await Store.open(path.join(folder, "local"));
  const memo = DigestMemo.inMemory({ now: () => Date.now() + 10_000 });
  await using downloader = await WheelDownloader.open({ store, env: {}, settings: nothing, memo });
  const wheel = { filename, url: `file://${file}`, sha256 };
  expect(await downloader.fetch(wheel)).toEqual({ path: file, size: content.length });
  expect(await downloader.fetch(wheel)).toEqual({ path: file, size: content.length });
  expect(await downloader.size(wheel)).toBe(content.length);
  await writeFile(file, content.subarray(1));
  await expect(downloader.fetch(wheel)).rejects.toMatchObject({ code: "wheel-hash-mismatch" });
  await rm(file);
  await expect(downloader.fetch(wheel)).rejects.toMatchObject({ code: "wheel-not-found" });
});
