import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { type RunningHttpServer, startHttpServer } from "../../testing/http-server.ts";
import { sha256 } from "../files/digest.ts";
import { createRegistryClient, type RegistryClient } from "./client.ts";
import type { Credential } from "./credentials.ts";
import { RegistryRedirectError, RegistryRefusedError, RegistryUnavailableError } from "./error.ts";

// Uploads that are interrupted. The CNCF distribution 2.8 forgets an interrupted upload, so the registry that keeps it
// (distribution-spec 1.1, "Pushing a blob in chunks") is a small one here.

const content = randomBytes(1_000_000);
const blob = { digest: sha256(content), size: content.length };
const me: Credential = { kind: "basic", username: "me", password: "hunter2" };

function connect(): RegistryClient {
  return createRegistryClient({
    registries: {},
    credentials: () => Promise.resolve(me),
    retry: { attempts: 3, baseDelay: 1 },
  });
}

interface Upload {
  readonly result: string;
  /** Where the blob was opened, in bytes. */
  readonly opened: readonly number[];
  readonly progress: readonly number[];
}

async function upload(server: RunningHttpServer): Promise<Upload> {
  await using client = connect();
  const opened: number[] = [];
  const progress: number[] = [];
  const open = async function* (offset: number): AsyncGenerator<Uint8Array> {
    opened.push(offset);
    for (let at = offset; at < content.length; at += 50_000)
      yield content.subarray(at, at + 50_000);
  };
  const repository = client.repository({ registry: server.host, repository: "app" });
  const result = await repository.pushBlob(blob, open, {
    onProgress: (sent) => progress.push(sent),
  });
  return { result, opened, progress };
}

interface Faults {
  /** Whether a request that carries bytes is broken off when this many of them have come, by number of the request. */
  readonly breakAfter?: (request: number) => number | undefined;
  /** Forgets the upload with the connection. */
  readonly forgets?: boolean;
  /** Takes all, and breaks the connection before it says so. */
  readonly losesAnswer?: boolean;
  /** How the address of an upload is written. */
  readonly location?: (path: string) => string;
}

/** A registry with one upload, with relative locations that change with every answer as the specification allows. */
async function startUploadServer(
  faults: Faults = {},
): Promise<RunningHttpServer & { stored(): Buffer | undefined }> {
  const { location = (path) => path, breakAfter = () => undefined } = faults;
  let received: Buffer | undefined;
  let stored: Buffer | undefined;
  let state = 0;
  let carrying = 0;

  async function receive(request: IncomingMessage): Promise<void> {
    const limit = breakAfter(++carrying) ?? Number.POSITIVE_INFINITY;
    let count = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      received = Buffer.concat([received ?? Buffer.alloc(0), chunk.subarray(0, limit - count)]);
      count += chunk.length;
      if (count >= limit) {
        if (faults.forgets === true) received = undefined;
        throw new Error("broken off");
      }
    }
  }

  const server = await startHttpServer(async (request, response) => {
    const url = new URL(request.url ?? "", "http://localhost");
    const where = (): string => location(`/v2/app/blobs/uploads/1?_state=${++state}&x=%2F`);
    if (request.method === "HEAD") {
      response.writeHead(stored ? 200 : 404, { "content-length": stored?.length ?? 0 }).end();
      return;
    }
    if (request.method === "POST") {
      received = Buffer.alloc(0);
      response.writeHead(202, { location: where(), "oci-chunk-min-length": "900000" }).end();
      return;
    }
    const isCurrent =
      url.searchParams.get("_state") === String(state) && url.searchParams.get("x") === "/";
    if (received === undefined || !isCurrent) {
      response.writeHead(404).end('{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}');
      return;
    }
    if (request.method === "GET") {
      const range = `0-${Math.max(0, received.length - 1)}`;
      response.writeHead(204, { location: where(), range }).end();
      return;
    }
    if (
      request.method === "PATCH" &&
      request.headers["content-range"] !== `${received.length}-${content.length - 1}`
    ) {
      response.writeHead(416).end();
      return;
    }
    await receive(request);
    if (request.method === "PATCH") {
      response.writeHead(202, { location: where() }).end();
      return;
    }
    if (sha256(received) !== url.searchParams.get("digest")) {
      response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID"}]}');
      return;
    }
    stored = received;
    if (faults.losesAnswer === true) throw new Error("broken off");
    response.writeHead(201).end();
  });
  return { ...server, stored: () => stored };
}

function methods(server: RunningHttpServer): string {
  return server.requests.map(({ method }) => method).join(" ");
}

/** Asks for a login, and then opens each upload at one address. */
function startSendingElsewhere(location: string): Promise<RunningHttpServer> {
  return startHttpServer((request, response) => {
    if (request.headers.authorization === undefined) {
      response.writeHead(401, { "www-authenticate": "Basic" }).end();
    } else if (request.method === "HEAD") response.writeHead(404).end();
    else response.writeHead(202, { location }).end();
  });
}

/** Takes all bytes and then answers with a status. */
function startRefusing(status: number): Promise<RunningHttpServer> {
  return startHttpServer(async (request, response) => {
    if (request.method === "HEAD") response.writeHead(404).end();
    else if (request.method === "POST") response.writeHead(202, { location: "/upload" }).end();
    else {
      for await (const _ of request) continue;
      response.writeHead(status).end();
    }
  });
}

describe("an upload", () => {
  test("is one request where nothing happens", async () => {
    await using server = await startUploadServer();
    const { result, opened, progress } = await upload(server);
    expect(result).toBe("uploaded");
    expect(server.stored()).toEqual(content);
    expect(methods(server)).toBe("HEAD POST PUT");
    expect(opened).toEqual([0]);
    expect(progress.at(-1)).toBe(content.length);
  });

  test("that is broken off goes on where the registry has got to", async () => {
    await using server = await startUploadServer({
      breakAfter: (request) => [300_000, 200_000][request - 1],
    });
    const { opened, progress } = await upload(server);
    expect(server.stored()).toEqual(content);
    expect(methods(server)).toBe("HEAD POST PUT HEAD GET PATCH HEAD GET PATCH PUT");
    expect(opened).toEqual([0, 300_000, 500_000]);
    expect(progress.at(-1)).toBe(content.length);
  });

  test("begins anew where the registry has forgotten it", async () => {
    await using server = await startUploadServer({
      forgets: true,
      breakAfter: (request) => (request === 1 ? 300_000 : undefined),
    });
    const { opened } = await upload(server);
    expect(server.stored()).toEqual(content);
    expect(methods(server)).toBe("HEAD POST PUT HEAD GET POST PUT");
    expect(opened).toEqual([0, 0]);
  });

  test("begins anew where nothing has arrived, which some registries call 0-0", async () => {
    await using server = await startUploadServer({
      breakAfter: (request) => (request === 1 ? 0 : undefined),
    });
    const { opened } = await upload(server);
    expect(server.stored()).toEqual(content);
    expect(methods(server)).toBe("HEAD POST PUT HEAD GET POST PUT");
    expect(opened).toEqual([0, 0]);
  });

  test("whose answer is lost is not sent again", async () => {
    await using server = await startUploadServer({ losesAnswer: true });
    const { result, opened } = await upload(server);
    expect(result).toBe("uploaded");
    expect(methods(server)).toBe("HEAD POST PUT HEAD");
    expect(opened).toEqual([0]);
  });

  test("that never comes through is given up", async () => {
    await using server = await startUploadServer({ forgets: true, breakAfter: () => 1000 });
    await expect(upload(server)).rejects.toMatchObject({ code: "registry-unreachable" });
    expect(methods(server).match(/PUT/g)).toHaveLength(3);
  });

  test("goes to another host without our credentials, and to none without TLS", async () => {
    await using elsewhere = await startUploadServer();
    // A first request opens the upload there.
    await fetch(`${elsewhere.origin}/v2/app/blobs/uploads/`, { method: "POST" });
    await using server = await startSendingElsewhere(
      `${elsewhere.origin}/v2/app/blobs/uploads/1?_state=1&x=%2F`,
    );
    await upload(server);
    expect(elsewhere.stored()).toEqual(content);
    expect(elsewhere.requests.at(-1)?.headers["authorization"]).toBeUndefined();

    await using plain = await startSendingElsewhere("http://plain.invalid/upload");
    await expect(upload(plain)).rejects.toThrow(RegistryRedirectError);
  });

  test("that is refused is not tried again", async () => {
    await using tooLarge = await startRefusing(413);
    await expect(upload(tooLarge)).rejects.toThrow(RegistryRefusedError);
    expect(methods(tooLarge)).toBe("HEAD POST PUT");
    await using ill = await startRefusing(500);
    await expect(upload(ill)).rejects.toThrow(RegistryUnavailableError);
  });
});
