import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { type RunningHttpServer, startHttpServer } from "../../testing/http-server.ts";
import { sha256 } from "../files/digest.ts";
import { mediaType } from "../oci/media-type.ts";
import { createRegistryClient, type RegistryClient } from "./client.ts";
import { anonymous, type Credential } from "./credentials.ts";
import {
  RegistryContentError,
  RegistryDeniedError,
  RegistryProtocolError,
  RegistryRateLimitedError,
  RegistryRedirectError,
  RegistryUnauthorizedError,
  RegistryUnavailableError,
  RegistryUnreachableError,
} from "./error.ts";
import type { Repository } from "./repository.ts";
import type { RegistrySettings } from "./settings.ts";

// Registries that lie, break off, or ask for what they must not get: things that no honest registry can be made to do.

const me: Credential = { kind: "basic", username: "me", password: "hunter2" };
const content = randomBytes(200_000);
const blob = { digest: sha256(content), size: content.length };
const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaType.manifest }));

function connect(settings: Partial<RegistrySettings> = {}): RegistryClient {
  return createRegistryClient({
    registries: {},
    credentials: () => Promise.resolve(me),
    ...settings,
    retry: { baseDelay: 1, ...settings.retry },
  });
}

function app(client: RegistryClient, host: string): Repository {
  return client.repository({ registry: host, repository: "app" });
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

/** Sends a part of an answer and then breaks the connection. */
function breakOff(response: ServerResponse, part: Uint8Array): void {
  response.write(part, () => response.destroy());
}

function rangeStart(range: string | undefined): number {
  return Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
}

describe("a blob", () => {
  test("with other bytes is refused by name", async () => {
    const other = Buffer.from(content);
    other[100] = (other[100] ?? 0) ^ 1;
    await using server = await startHttpServer((_, response) => void response.end(other));
    await using client = connect();
    const pulled = collect(app(client, server.host).blob(blob));
    await expect(pulled).rejects.toThrow(RegistryContentError);
    await expect(pulled).rejects.toThrow(`${server.host} gives other bytes for app@${blob.digest}`);
    expect(server.requests).toHaveLength(1);
  });

  test("that is longer is not read to its end", async () => {
    await using endless = await startHttpServer((_, response) => {
      const more = (): void => {
        while (response.write(content)) if (response.destroyed) return;
        response.once("drain", more);
      };
      more();
    });
    await using client = connect();
    await expect(collect(app(client, endless.host).blob(blob))).rejects.toThrow(
      /more than 200000 bytes/,
    );
    await using honest = await startHttpServer((_, response) => {
      response.writeHead(200, { "content-length": 300_000 }).end(Buffer.alloc(300_000));
    });
    await expect(collect(app(client, honest.host).blob(blob))).rejects.toThrow(
      /300000 bytes and not 200000/,
    );
  });

  test("that breaks off goes on from there", async () => {
    let answers = 0;
    await using server = await startHttpServer((request, response) => {
      const start = rangeStart(request.headers.range);
      if (start > 0) {
        response.statusCode = 206;
        response.setHeader(
          "content-range",
          `bytes ${start}-${content.length - 1}/${content.length}`,
        );
      }
      response.setHeader("content-length", content.length - start);
      if (++answers < 3) breakOff(response, content.subarray(start, start + 70_000));
      else response.end(content.subarray(start));
    });
    await using client = connect();
    expect(await collect(app(client, server.host).blob(blob))).toEqual(content);
    expect(server.requests.map(({ headers }) => rangeStart(headers["range"] as string))).toEqual([
      0, 70_000, 140_000,
    ]);
  });

  test("that breaks off and begins anew is read from where it stopped", async () => {
    let answers = 0;
    await using server = await startHttpServer((_, response) => {
      if (++answers === 1) breakOff(response, content.subarray(0, 70_000));
      else response.end(content);
    });
    await using client = connect();
    expect(await collect(app(client, server.host).blob(blob))).toEqual(content);
  });

  test("that breaks off or ends early each time is given up", async () => {
    const part = content.subarray(0, 1000);
    await using broken = await startHttpServer((_, response) => breakOff(response, part));
    await using short = await startHttpServer((_, response) => {
      response.write(part);
      response.end();
    });
    await using client = connect({ retry: { attempts: 3 } });
    await expect(collect(app(client, broken.host).blob(blob))).rejects.toThrow(
      RegistryUnreachableError,
    );
    expect(broken.requests).toHaveLength(3);
    const pulled = collect(app(client, short.host).blob(blob));
    await expect(pulled).rejects.toThrow(RegistryContentError);
    await expect(pulled).rejects.toThrow(/ends after 1000 of 200000 bytes/);
    expect(short.requests).toHaveLength(3);
  });

  test("is not taken from another place than asked for", async () => {
    await using server = await startHttpServer((_, response) => {
      response
        .writeHead(206, { "content-range": "bytes 0-99/200000" })
        .end(content.subarray(0, 100));
    });
    await using client = connect();
    const pulled = collect(app(client, server.host).blob(blob, { offset: 100_000 }));
    await expect(pulled).rejects.toThrow(RegistryProtocolError);
  });
});

function startAnswering(
  bytes: Uint8Array,
  headers: Record<string, string> = {},
): Promise<RunningHttpServer> {
  return startHttpServer((_, response) => {
    response.writeHead(200, { "content-type": mediaType.manifest, ...headers }).end(bytes);
  });
}

describe("a manifest", () => {
  test("must have the digest that is asked for, and the one that is named", async () => {
    await using client = connect();
    await using server = await startAnswering(manifest);
    const asked = app(client, server.host).manifest(sha256("another"));
    await expect(asked).rejects.toThrow(RegistryContentError);
    await expect(asked).rejects.toThrow(`app@${sha256("another")}`);
    expect((await app(client, server.host).manifest(sha256(manifest))).bytes).toEqual(manifest);

    await using lying = await startAnswering(manifest, {
      "docker-content-digest": sha256("another"),
    });
    await expect(app(client, lying.host).manifest("v1")).rejects.toThrow(RegistryContentError);
    await expect(app(client, lying.host).resolve(sha256(manifest))).rejects.toThrow(
      RegistryContentError,
    );
  });

  test("is resolved by its bytes where the headers do not say", async () => {
    await using client = connect();
    await using server = await startHttpServer((request, response) => {
      if (request.method === "HEAD") response.writeHead(405).end();
      else response.writeHead(200, { "content-type": "application/json" }).end(manifest);
    });
    expect(await app(client, server.host).resolve("v1")).toEqual({
      mediaType: mediaType.manifest,
      digest: sha256(manifest),
      size: manifest.length,
    });
  });

  test("has one meaning, or none", async () => {
    await using client = connect();
    await using ambiguous = await startAnswering(manifest, { "content-type": mediaType.index });
    await expect(app(client, ambiguous.host).manifest("v1")).rejects.toThrow(RegistryProtocolError);
    await using page = await startAnswering(Buffer.from("<html>Welcome"), {
      "content-type": "text/html",
    });
    await expect(app(client, page.host).manifest("v1")).rejects.toThrow(
      /gives no manifest .* but text\/html/,
    );
  });

  test("has a bounded length", async () => {
    await using client = connect();
    await using server = await startHttpServer((_, response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(65_536, 32))) if (response.destroyed) return;
        response.once("drain", more);
      };
      more();
    });
    await expect(app(client, server.host).manifest("v1")).rejects.toThrow(
      /longer than 8388608 bytes/,
    );
  });
});

describe("credentials", () => {
  test("do not follow a redirect to another host, the request does", async () => {
    await using store = await startHttpServer((_, response) => void response.end(content));
    await using server = await startHttpServer((request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
      } else response.writeHead(307, { location: `${store.origin}/signed?key=1` }).end();
    });
    await using client = connect();
    expect(await collect(app(client, server.host).blob(blob))).toEqual(content);
    expect(server.requests.at(-1)?.headers["authorization"]).toMatch(/^Basic /);
    expect(store.requests).toHaveLength(1);
    expect(store.requests[0]?.headers["authorization"]).toBeUndefined();
  });

  test("are not given to a host that a redirect leads to", async () => {
    await using thief = await startHttpServer((_, response) => {
      response.writeHead(401, { "www-authenticate": 'Basic realm="please"' }).end();
    });
    await using server = await startHttpServer((_, response) => {
      response.writeHead(302, { location: `${thief.origin}/` }).end();
    });
    await using client = connect();
    const pulled = collect(app(client, server.host).blob(blob));
    await expect(pulled).rejects.toThrow(RegistryRedirectError);
    await expect(pulled).rejects.toThrow(
      `${server.host} redirects to ${thief.host}, which wants credentials`,
    );
    expect(thief.requests.map(({ headers }) => headers["authorization"])).toEqual([undefined]);
  });

  test("are not sent to a token server without TLS", async () => {
    await using server = await startHttpServer((_, response) => {
      response
        .writeHead(401, {
          "www-authenticate": 'Bearer realm="http://auth.invalid/token",service="x"',
        })
        .end();
    });
    await using client = connect();
    const asked = app(client, server.host).resolve("v1");
    await expect(asked).rejects.toThrow(RegistryRedirectError);
    await expect(asked).rejects.toThrow(/http:\/\/auth\.invalid/);
  });

  test("in a body do not follow a redirect of the token server", async () => {
    await using thief = await startHttpServer((_, response) => void response.end("{}"));
    await using server = await startHttpServer((request, response) => {
      if (request.method === "POST") response.writeHead(307, { location: thief.origin }).end();
      else {
        const realm = `http://${request.headers.host}/token`;
        response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end();
      }
    });
    await using client = connect({
      credentials: () => Promise.resolve({ kind: "identity-token", token: "hunter2" }),
    });
    await expect(app(client, server.host).resolve("v1")).rejects.toThrow(RegistryRedirectError);
    expect(thief.requests).toEqual([]);
  });

  test("are not sent again and again", async () => {
    await using server = await startHttpServer((request, response) => {
      const realm = `http://${request.headers.host}/token`;
      if (request.url?.startsWith("/token"))
        response.end(JSON.stringify({ token: randomBytes(8).toString("hex") }));
      else
        response
          .writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="x"` })
          .end();
    });
    await using client = connect();
    await expect(app(client, server.host).resolve("v1")).rejects.toThrow(RegistryUnauthorizedError);
    expect(server.requests.map(({ url }) => url.split("?")[0])).toEqual([
      "/v2/app/manifests/v1",
      "/token",
      "/v2/app/manifests/v1",
    ]);
  });

  test("are not shown where a token server answers nonsense", async () => {
    for (const nonsense of [
      "<html>",
      "{}",
      '{"token":7}',
      String.raw`{"token":"a\r\nx-evil: 1"}`,
    ]) {
      await using server = await startHttpServer((request, response) => {
        const realm = `http://${request.headers.host}/token`;
        if (request.url?.startsWith("/token")) response.end(nonsense);
        else response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end();
      });
      await using client = connect();
      const asked = app(client, server.host).resolve("v1");
      await expect(asked).rejects.toThrow(RegistryProtocolError);
      await expect(asked).rejects.not.toThrow(/hunter2/);
    }
  });

  test("of an unknown kind are named as wanted", async () => {
    await using server = await startHttpServer((_, response) => {
      response.writeHead(401, { "www-authenticate": "Negotiate" }).end();
    });
    await using client = connect({ credentials: anonymous });
    await expect(app(client, server.host).resolve("v1")).rejects.toThrow(RegistryUnauthorizedError);
  });
});

describe("redirects", () => {
  test("are followed a few times", async () => {
    await using server = await startHttpServer((request, response) => {
      response.writeHead(302, { location: `${request.url}x` }).end();
    });
    await using client = connect();
    await expect(app(client, server.host).resolve("v1")).rejects.toThrow(
      /redirects more than 5 times/,
    );
    expect(server.requests).toHaveLength(6);
  });

  test.each([
    "http://plain.invalid/",
    "file:///etc/passwd",
    "https://me:secret@x.invalid/",
    "http://[",
    undefined,
  ])("to %s are refused", async (location) => {
    await using server = await startHttpServer((_, response) => {
      response.writeHead(302, location === undefined ? {} : { location }).end();
    });
    await using client = connect();
    await expect(app(client, server.host).resolve("v1")).rejects.toThrow(RegistryRedirectError);
  });
});

describe("a registry that says 'later'", () => {
  test("is asked again, not before it said", async () => {
    const arrivals: number[] = [];
    await using server = await startHttpServer((_, response) => {
      arrivals.push(performance.now());
      if (arrivals.length === 1) response.writeHead(429, { "retry-after": "1" }).end();
      else if (arrivals.length === 2) response.writeHead(503).end();
      else if (arrivals.length === 3) response.destroy();
      else response.writeHead(404).end();
    });
    await using client = connect();
    expect(await app(client, server.host).resolve("v1")).toBeUndefined();
    expect(arrivals).toHaveLength(4);
    expect((arrivals[1] ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(990);
  });

  test("for too long is not waited for", async () => {
    await using server = await startHttpServer((_, response) => {
      response.writeHead(429, { "retry-after": "3600" }).end();
    });
    await using client = connect();
    const asked = app(client, server.host).resolve("v1");
    await expect(asked).rejects.toThrow(RegistryRateLimitedError);
    await expect(asked).rejects.toMatchObject({ hint: expect.stringContaining("3600 s") });
    expect(server.requests).toHaveLength(1);
  });

  test("about the blobs of a manifest is asked again, and not for ever", async () => {
    let refusals = 2;
    const body = JSON.stringify({ errors: [{ code: "MANIFEST_BLOB_UNKNOWN" }] });
    await using server = await startHttpServer((_, response) => {
      if (refusals-- > 0) response.writeHead(400, { "content-type": "application/json" }).end(body);
      else response.writeHead(201).end();
    });
    await using client = connect();
    const push = () => app(client, server.host).pushManifest(manifest, mediaType.manifest, "v1");
    await push();
    expect(server.requests).toHaveLength(3);
    refusals = Infinity;
    await expect(push()).rejects.toThrow("MANIFEST_BLOB_UNKNOWN");
    expect(server.requests).toHaveLength(7);
  });

  test("each time is given up", async () => {
    await using server = await startHttpServer((_, response) => void response.writeHead(503).end());
    await using broken = await startHttpServer((_, response) => void response.destroy());
    await using client = connect({ retry: { attempts: 3 } });
    await expect(app(client, server.host).manifest("v1")).rejects.toThrow(RegistryUnavailableError);
    await expect(app(client, broken.host).manifest("v1")).rejects.toThrow(RegistryUnreachableError);
    expect(server.requests).toHaveLength(3);
    expect(broken.requests).toHaveLength(3);
  });

  test("can be left while one waits", async () => {
    await using server = await startHttpServer((_, response) => {
      response.writeHead(429, { "retry-after": "30" }).end();
    });
    await using client = connect();
    const reason = new Error("enough");
    const controller = new AbortController();
    const asked = app(client, server.host).resolve("v1", { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await expect(asked).rejects.toBe(reason);
  });
});

test("what a registry says is quoted on one line and not at length", async () => {
  const message = `no\u001b[2J\n\u0007${"x".repeat(10_000)}`;
  await using server = await startHttpServer((_, response) => {
    response.writeHead(403).end(JSON.stringify({ errors: [{ code: "DENIED", message }, 7, null] }));
  });
  await using client = connect();
  const error = await app(client, server.host)
    .manifest("v1")
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RegistryDeniedError);
  expect(String(error)).toMatch(/\(DENIED: no \[2J x+\)\.$/);
  expect(String(error).length).toBeLessThan(800);
});

describe("a proxy", () => {
  test("gets plain HTTP as it is, and nothing that is for this machine or excepted", async () => {
    await using proxy = await startHttpServer((_, response) => void response.writeHead(404).end());
    await using local = await startHttpServer((_, response) => void response.writeHead(404).end());
    await using client = connect({
      registries: { "plain.invalid": { plainHttp: true }, "near.invalid": { plainHttp: true } },
      proxy: { httpProxy: proxy.origin, noProxy: "near.invalid" },
    });
    expect(await app(client, "plain.invalid").resolve("v1")).toBeUndefined();
    expect(await app(client, local.host).resolve("v1")).toBeUndefined();
    await expect(app(client, "near.invalid").resolve("v1")).rejects.toThrow(
      RegistryUnreachableError,
    );
    expect(proxy.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "HEAD http://plain.invalid/v2/app/manifests/v1",
    ]);
    expect(local.requests).toHaveLength(1);
  });
});
