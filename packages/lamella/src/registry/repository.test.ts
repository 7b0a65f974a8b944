import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect as connectTo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type RequestLine, startRegistry } from "../../testing/docker-registry.ts";
import { createCertificate, startTokenServer } from "../../testing/token-server.ts";
import { type Digest, sha256 } from "../files/digest.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { mediaType } from "../oci/media-type.ts";
import { createRegistryClient, type RegistryClient } from "./client.ts";
import { anonymous, type Credential, type CredentialSource } from "./credentials.ts";
import {
  RegistryDeniedError,
  RegistryNotFoundError,
  RegistryRefusedError,
  RegistrySettingsError,
  RegistryUnauthorizedError,
  RegistryUnreachableError,
} from "./error.ts";
import type { Repository } from "./repository.ts";
import type { RegistrySettings } from "./settings.ts";

function connect(settings: Partial<RegistrySettings> = {}): RegistryClient {
  return createRegistryClient({
    registries: {},
    credentials: anonymous,
    retry: { baseDelay: 1 },
    ...settings,
  });
}

function login(credential: Credential): CredentialSource {
  return () => Promise.resolve(credential);
}

const me: Credential = { kind: "basic", username: "me", password: "pass:wörd" };

interface TestBlob extends Descriptor {
  readonly bytes: Uint8Array;
}

function blobOf(bytes: Uint8Array): TestBlob {
  return { mediaType: mediaType.layerGzip, digest: sha256(bytes), size: bytes.length, bytes };
}

function push(repository: Repository, blob: TestBlob, options = {}): Promise<string> {
  return repository.pushBlob(blob, (offset) => inChunks(blob.bytes.subarray(offset)), options);
}

async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

/** An image of one layer, pushed; its manifest's digest. */
async function pushImage(repository: Repository, tag: string, layer: TestBlob): Promise<Digest> {
  const config = blobOf(new TextEncoder().encode('{"architecture":"amd64","os":"linux"}'));
  await Promise.all([push(repository, layer), push(repository, config)]);
  const describeBlob = ({ digest, size }: TestBlob, type: string): object => ({
    mediaType: type,
    digest,
    size,
  });
  const manifest = new TextEncoder().encode(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaType.manifest,
      config: describeBlob(config, mediaType.config),
      layers: [describeBlob(layer, mediaType.layerGzip)],
    }),
  );
  return repository.pushManifest(manifest, mediaType.manifest, tag);
}

function uploads(log: readonly RequestLine[]): readonly RequestLine[] {
  return log.filter(({ method }) => method === "PUT" || method === "PATCH" || method === "POST");
}

describe("a registry without a login", () => {
  test("takes an image and gives it back", async () => {
    await using registry = await startRegistry();
    await using client = connect();
    const repository = client.repository({ registry: registry.host, repository: "team/app" });
    const layer = blobOf(randomBytes(300_000));

    expect(await repository.resolve("v1")).toBeUndefined();
    const digest = await pushImage(repository, "v1", layer);

    const resolved = await repository.resolve("v1");
    const { descriptor, bytes } = await repository.manifest("v1");
    expect(resolved).toEqual({ mediaType: mediaType.manifest, digest, size: bytes.length });
    expect(descriptor).toEqual(resolved);
    expect(await repository.resolve(digest)).toEqual(resolved);
    expect(sha256((await repository.manifest(digest)).bytes)).toBe(digest);
    expect(await repository.hasBlob(layer.digest)).toBe(layer.size);
    expect(await collect(repository.blob(layer))).toEqual(Buffer.from(layer.bytes));
    expect(await collect(repository.blob(layer, { offset: 299_990 }))).toEqual(
      Buffer.from(layer.bytes.subarray(299_990)),
    );
  });

  test("is asked once whether it has a blob, and gets it once", async () => {
    await using registry = await startRegistry();
    const layer = blobOf(randomBytes(100_000));
    {
      await using client = connect();
      const name = { registry: registry.host, repository: "app" };
      const results = await Promise.all(
        [1, 2, 3, 4].map(() => push(client.repository(name), layer)),
      );
      expect(results.sort()).toEqual(["exists", "exists", "exists", "uploaded"]);
      expect(await push(client.repository(name), layer)).toBe("exists");
    }
    const first = await registry.accessLog();
    expect(first.map(({ method }) => method)).toEqual(["HEAD", "POST", "PUT"]);

    await using another = connect();
    expect(
      await push(another.repository({ registry: registry.host, repository: "app" }), layer),
    ).toBe("exists");
    expect((await registry.accessLog()).length - first.length).toBe(1);
  });

  test("tells the bytes as they are sent", async () => {
    await using registry = await startRegistry({ relativeUrls: true });
    await using client = connect();
    const layer = blobOf(randomBytes(200_000));
    const sent: number[] = [];
    await push(client.repository({ registry: registry.host, repository: "app" }), layer, {
      onProgress: (bytes: number) => sent.push(bytes),
    });
    expect(sent).toEqual([65_536, 131_072, 196_608, 200_000]);
  });

  test("takes an empty blob", async () => {
    await using registry = await startRegistry();
    await using client = connect();
    const repository = client.repository({ registry: registry.host, repository: "app" });
    const empty = blobOf(new Uint8Array());
    expect(await push(repository, empty)).toBe("uploaded");
    expect(await repository.hasBlob(empty.digest)).toBe(0);
    expect(await collect(repository.blob(empty))).toHaveLength(0);
  });

  test("mounts what another of its repositories has", async () => {
    await using registry = await startRegistry();
    await using other = await startRegistry();
    await using client = connect();
    const base = client.repository({ registry: registry.host, repository: "library/base" });
    const target = client.repository({ registry: registry.host, repository: "app" });
    const elsewhere = client.repository({ registry: other.host, repository: "app" });
    const layer = blobOf(randomBytes(50_000));
    await push(base, layer);
    const before = (await registry.accessLog()).length;

    expect(await push(target, layer, { mountFrom: base })).toBe("mounted");
    expect((await registry.accessLog()).slice(before).map(({ method }) => method)).toEqual([
      "HEAD",
      "POST",
    ]);
    expect(await collect(target.blob(layer))).toEqual(Buffer.from(layer.bytes));

    // What it cannot mount, it opens an upload for, and that is the one that is used.
    const unknown = blobOf(randomBytes(50_000));
    expect(await target.mount(unknown.digest, base)).toBe(false);
    const log = (await registry.accessLog()).length;
    expect(await push(target, unknown, { mountFrom: base })).toBe("uploaded");
    expect((await registry.accessLog()).slice(log).map(({ method }) => method)).toEqual([
      "HEAD",
      "POST",
      "PUT",
    ]);

    // Another registry is never asked for a mount; the bytes cross once, with no stop on a disk.
    expect(await elsewhere.mount(layer.digest, base)).toBe(false);
    const result = await elsewhere.pushBlob(layer, (offset) => base.blob(layer, { offset }), {
      mountFrom: base,
    });
    expect(result).toBe("uploaded");
    expect(await collect(elsewhere.blob(layer))).toEqual(Buffer.from(layer.bytes));
    expect(uploads(await other.accessLog()).map(({ path }) => path)).not.toContainEqual(
      expect.stringContaining("mount="),
    );
  });

  test("copies many blobs between repositories over few connections", async () => {
    await using registry = await startRegistry();
    await using client = connect({ connections: 2 });
    const from = client.repository({ registry: registry.host, repository: "from" });
    const to = client.repository({ registry: registry.host, repository: "to" });
    const blobs = Array.from({ length: 12 }, () => blobOf(randomBytes(200_000)));
    await Promise.all(blobs.map((blob) => push(from, blob)));
    // Each copy holds a download while it uploads: with one pool of connections they would wait for each other.
    const results = await Promise.all(
      blobs.map((blob) => to.pushBlob(blob, (offset) => from.blob(blob, { offset }))),
    );
    expect(new Set(results)).toEqual(new Set(["uploaded"]));
  });

  test("says in its own words why it refuses a manifest, and is asked anew for its blobs", async () => {
    await using registry = await startRegistry();
    await using client = connect();
    const repository = client.repository({ registry: registry.host, repository: "app" });
    const layer = blobOf(randomBytes(1000));
    const manifest = new TextEncoder().encode(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaType.manifest,
        config: { mediaType: mediaType.config, digest: layer.digest, size: layer.size },
        layers: [],
      }),
    );
    const pushed = repository.pushManifest(manifest, mediaType.manifest, "v1");
    await expect(pushed).rejects.toThrow(RegistryRefusedError);
    await expect(pushed).rejects.toThrow(/app:v1.*status 400.*MANIFEST_BLOB_UNKNOWN/);
    expect(await repository.resolve("v1")).toBeUndefined();
  });

  test("'not there' is an answer, and 'could not ask' is an error", async () => {
    let host: string;
    await using client = connect();
    {
      await using registry = await startRegistry();
      host = registry.host;
      const repository = client.repository({ registry: host, repository: "app" });
      expect(await repository.resolve("v1")).toBeUndefined();
      expect(await repository.hasBlob(sha256("x"))).toBeUndefined();
      await expect(repository.manifest("v1")).rejects.toThrow(RegistryNotFoundError);
      await expect(repository.manifest("v1")).rejects.toThrow(`${host} has no app:v1.`);
      const missing = repository.blob({ digest: sha256("x"), size: 1 });
      await expect(collect(missing)).rejects.toThrow(RegistryNotFoundError);
    }
    const gone = client.repository({ registry: host, repository: "app" });
    await expect(gone.resolve("v1")).rejects.toThrow(RegistryUnreachableError);
    await expect(gone.hasBlob(sha256("x"))).rejects.toThrow(
      `${host} cannot be reached: nothing listens there`,
    );
  });

  test("passes on what the source of a blob raises, and asks no second time", async () => {
    await using registry = await startRegistry();
    await using client = connect();
    const repository = client.repository({ registry: registry.host, repository: "app" });
    const reason = new Error("the disk is gone");
    let opened = 0;
    const pushed = repository.pushBlob(blobOf(randomBytes(100_000)), async function* () {
      opened++;
      yield randomBytes(10);
      throw reason;
    });
    await expect(pushed).rejects.toBe(reason);
    expect(opened).toBe(1);
  });

  test("ends with the signal, and with the client", async () => {
    await using registry = await startRegistry();
    await using client = connect();
    const repository = client.repository({ registry: registry.host, repository: "app" });
    const controller = new AbortController();
    const reason = new Error("no longer wanted");
    const layer = blobOf(randomBytes(100_000));
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      yield layer.bytes.subarray(0, 10);
      controller.abort(reason);
      await new Promise(() => {});
    };
    const first = repository.pushBlob(layer, endless, { signal: controller.signal });
    // Somebody else wants the same blob: it is not lost with the first one.
    const second = push(repository, layer);
    await expect(first).rejects.toBe(reason);
    expect(await second).toBe("uploaded");
    await client[Symbol.asyncDispose]();
    await expect(repository.resolve("v1")).rejects.toThrow("disposed");
  });
});

describe("a registry with basic authentication", () => {
  const auth = { kind: "basic", username: "me", password: "pass:wörd" } as const;

  test("serves those who log in, and asks for the credential once", async () => {
    await using registry = await startRegistry({ auth });
    const asked: string[] = [];
    await using client = connect({
      credentials: (host) => {
        asked.push(host);
        return Promise.resolve(me);
      },
    });
    const repository = client.repository({ registry: registry.host, repository: "app" });
    const layer = blobOf(randomBytes(100_000));
    const digest = await pushImage(repository, "v1", layer);
    expect((await repository.resolve("v1"))?.digest).toBe(digest);
    expect(await collect(repository.blob(layer))).toEqual(Buffer.from(layer.bytes));
    expect(asked).toEqual([registry.host]);
  });

  test("sends others away with a word about logging in", async () => {
    await using registry = await startRegistry({ auth });
    const name = { registry: registry.host, repository: "app" };
    await using nobody = connect();
    await using somebody = connect({ credentials: login({ ...me, password: "hunter2" }) });
    const anonymously = nobody.repository(name).resolve("v1");
    await expect(anonymously).rejects.toThrow(RegistryUnauthorizedError);
    await expect(anonymously).rejects.toMatchObject({
      code: "registry-unauthorized",
      hint: expect.stringContaining(`docker login ${registry.host}`),
    });
    const wrongly = somebody.repository(name).resolve("v1");
    await expect(wrongly).rejects.toThrow(/credentials of "me" to pull app:v1/);
    await expect(wrongly).rejects.not.toThrow(/hunter2/);
    // One question without and one with the credential, and no more.
    expect((await registry.accessLog()).length).toBe(3);
  });
});

describe("a registry with a token server", () => {
  test("serves who has the right, with one token for each kind of use", async () => {
    await using tokens = await startTokenServer({ users: { me: "secret" } });
    await using registry = await startRegistry({ auth: tokens.auth });
    await using client = connect({
      credentials: login({ kind: "basic", username: "me", password: "secret" }),
    });
    const repository = client.repository({ registry: registry.host, repository: "team/app" });
    const layers = Array.from({ length: 5 }, () => blobOf(randomBytes(50_000)));
    await Promise.all(layers.map((layer) => push(repository, layer)));
    for (const layer of layers)
      expect(await collect(repository.blob(layer))).toEqual(Buffer.from(layer.bytes));
    expect(tokens.questions).toEqual([
      { method: "GET", user: "me", scopes: ["repository:team/app:pull,push"] },
    ]);
    // A mount needs a token that may pull from the source too.
    const other = client.repository({ registry: registry.host, repository: "other" });
    expect(await push(other, layers[0] as TestBlob, { mountFrom: repository })).toBe("mounted");
    expect(tokens.questions.at(-1)?.scopes).toEqual([
      "repository:other:pull,push",
      "repository:team/app:pull",
    ]);
  });

  test("lets a push go on that may not mount", async () => {
    await using tokens = await startTokenServer({
      users: { me: "secret" },
      allow: (user, { name, actions }) =>
        name === "mine" || (name === "theirs" && user === undefined) ? actions : [],
    });
    await using registry = await startRegistry({ auth: tokens.auth });
    await using owner = connect();
    const theirs = { registry: registry.host, repository: "theirs" };
    const layer = blobOf(randomBytes(50_000));
    await push(owner.repository(theirs), layer);

    await using client = connect({
      credentials: login({ kind: "basic", username: "me", password: "secret" }),
    });
    const mine = client.repository({ registry: registry.host, repository: "mine" });
    const source = client.repository(theirs);
    expect(await mine.mount(layer.digest, source)).toBe(false);
    expect(await push(mine, layer, { mountFrom: source })).toBe("uploaded");
  });

  test("keeps apart who is unknown, who gives a wrong password, and who may not", async () => {
    await using tokens = await startTokenServer({
      users: { me: "secret" },
      allow: (_, { actions }) => actions.filter((action) => action === "pull"),
    });
    await using registry = await startRegistry({ auth: tokens.auth });
    const layer = blobOf(randomBytes(10));
    const pushAs = async (credentials: CredentialSource): Promise<unknown> => {
      await using client = connect({ credentials });
      return await push(client.repository({ registry: registry.host, repository: "app" }), layer);
    };
    await expect(pushAs(anonymous)).rejects.toThrow(RegistryUnauthorizedError);
    await expect(
      pushAs(login({ kind: "basic", username: "me", password: "wrong" })),
    ).rejects.toThrow(RegistryUnauthorizedError);
    const denied = pushAs(login({ kind: "basic", username: "me", password: "secret" }));
    await expect(denied).rejects.toThrow(RegistryDeniedError);
    await expect(denied).rejects.toThrow(/does not allow "me" to push to app/);
  });

  test("gets a new token when the old one has run out", async () => {
    await using tokens = await startTokenServer({ lifetime: 0 });
    await using registry = await startRegistry({ auth: tokens.auth });
    await using client = connect();
    const repository = client.repository({ registry: registry.host, repository: "app" });
    expect(await push(repository, blobOf(randomBytes(10)))).toBe("uploaded");
    expect(tokens.questions.length).toBeGreaterThan(1);
  });

  test("exchanges an identity token by POST", async () => {
    await using tokens = await startTokenServer({ identityTokens: { refresh: "me" } });
    await using registry = await startRegistry({ auth: tokens.auth });
    await using client = connect({
      credentials: login({ kind: "identity-token", token: "refresh" }),
    });
    expect(
      await push(
        client.repository({ registry: registry.host, repository: "app" }),
        blobOf(randomBytes(10)),
      ),
    ).toBe("uploaded");
    expect(tokens.questions).toEqual([
      { method: "POST", user: "me", scopes: ["repository:app:pull,push"] },
    ]);
  });
});

describe("a mirror", () => {
  const hub = { registry: "hub.invalid", repository: "library/python" };

  test("is asked in place of the registry, under the name that it has there", async () => {
    await using mirror = await startRegistry();
    const registries = { "hub.invalid": { mirror: `${mirror.host}/hub` } };
    await using client = connect({ registries });
    const copy = client.repository({ registry: mirror.host, repository: "hub/library/python" });
    const layer = blobOf(randomBytes(10_000));
    const digest = await pushImage(copy, "3.12", layer);

    const repository = client.repository(hub);
    expect((await repository.resolve("3.12"))?.digest).toBe(digest);
    expect((await repository.manifest("3.12")).descriptor.digest).toBe(digest);
    expect(await collect(repository.blob(layer))).toEqual(Buffer.from(layer.bytes));
    expect(repository.registryHost).toBe(mirror.host);
    expect(repository.pushHost).toBe("hub.invalid");

    // Its blobs can be mounted, since they really lie in the target's registry.
    const target = client.repository({ registry: mirror.host, repository: "app" });
    expect(await push(target, layer, { mountFrom: repository })).toBe("mounted");
  });

  test("that lacks an image is passed over, and named where the registry cannot be asked", async () => {
    await using mirror = await startRegistry();
    await using origin = await startRegistry();
    const name = { registry: origin.host, repository: "app" };
    await using client = connect({
      registries: {
        [origin.host]: { mirror: mirror.host },
        "hub.invalid": { mirror: mirror.host },
      },
    });
    const layer = blobOf(randomBytes(10_000));
    const digest = await pushImage(client.repository(name), "v1", layer);
    expect(uploads(await mirror.accessLog())).toEqual([]);

    const repository = client.repository(name);
    expect((await repository.resolve("v1"))?.digest).toBe(digest);
    expect(repository.registryHost).toBe(origin.host);
    expect(await collect(repository.blob(layer))).toEqual(Buffer.from(layer.bytes));
    expect(await repository.resolve("v2")).toBeUndefined();
    await expect(repository.manifest("v2")).rejects.toThrow(mirror.host);

    const offline = client.repository(hub).resolve("3.12");
    await expect(offline).rejects.toThrow(RegistryUnreachableError);
    await expect(offline).rejects.toThrow(
      `hub.invalid cannot be reached: its name is not known. Its mirror ${mirror.host} has no library/python:3.12.`,
    );
    await expect(offline).rejects.toMatchObject({
      hint: expect.stringContaining(`as ${mirror.host}/library/python:3.12`),
    });
  });

  test("that is down is passed over, and is not asked where one pushes to", async () => {
    await using origin = await startRegistry();
    const stopped = await startRegistry();
    await stopped[Symbol.asyncDispose]();
    const name = { registry: origin.host, repository: "app" };
    await using client = connect({ registries: { [origin.host]: { mirror: stopped.host } } });
    expect(await client.repository(name).resolve("v1")).toBeUndefined();
    const direct = client.repository(name, { direct: true });
    expect(direct.registryHost).toBe(origin.host);
  });
});

describe("TLS", () => {
  test("is trusted by the authority that the settings name, and else refused", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lamella-tls-"));
    try {
      const certificate = join(folder, "certificate.pem");
      const key = join(folder, "key.pem");
      await createCertificate(certificate, key);
      await using registry = await startRegistry({ tls: { certificate, key } });
      const name = { registry: registry.host, repository: "app" };
      const resolve = async (
        settings: RegistrySettings["registries"][string],
      ): Promise<unknown> => {
        await using client = connect({ registries: { [registry.host]: settings } });
        return await client.repository(name).resolve("v1");
      };
      expect(await resolve({ ca: certificate })).toBeUndefined();
      await expect(resolve({ plainHttp: false })).rejects.toThrow(/signed by an unknown authority/);
      await expect(resolve({ ca: join(folder, "gone.pem") })).rejects.toThrow(
        RegistrySettingsError,
      );
      await writeFile(join(folder, "empty.pem"), "");
      await expect(resolve({ ca: join(folder, "empty.pem") })).rejects.toThrow(
        RegistrySettingsError,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("goes through a proxy as it is", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lamella-tls-"));
    try {
      const certificate = join(folder, "certificate.pem");
      const key = join(folder, "key.pem");
      await createCertificate(certificate, key, "far.invalid");
      await using registry = await startRegistry({ tls: { certificate, key } });
      const tunnels: string[] = [];
      const proxy = createServer();
      proxy.on("connect", (request: IncomingMessage, client: Socket) => {
        tunnels.push(request.url ?? "");
        const upstream = connectTo(Number(registry.host.split(":")[1]), "127.0.0.1", () => {
          client.write("HTTP/1.1 200 OK\r\n\r\n");
          client.pipe(upstream).pipe(client);
        });
        client.on("error", () => upstream.destroy());
        upstream.on("error", () => client.destroy());
      });
      proxy.listen(0, "127.0.0.1");
      await once(proxy, "listening");
      const { port } = proxy.address() as AddressInfo;
      {
        await using client = connect({
          registries: { "far.invalid": { ca: certificate } },
          proxy: { httpsProxy: `http://127.0.0.1:${port}` },
        });
        const repository = client.repository({ registry: "far.invalid", repository: "app" });
        const layer = blobOf(randomBytes(100_000));
        expect(await push(repository, layer)).toBe("uploaded");
        expect(await collect(repository.blob(layer))).toEqual(Buffer.from(layer.bytes));
      }
      proxy.close();
      expect(new Set(tunnels)).toEqual(new Set(["far.invalid:443"]));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("is what a registry without it should be told of", async () => {
    await using registry = await startRegistry();
    await using client = connect({ registries: { [registry.host]: { plainHttp: false } } });
    const asked = client.repository({ registry: registry.host, repository: "app" }).resolve("v1");
    await expect(asked).rejects.toMatchObject({
      message: expect.stringContaining("does not speak TLS"),
      hint: expect.stringContaining("plainHttp"),
    });
  });
});
