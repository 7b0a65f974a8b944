import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { executables } from "../packages/lamella/src/python/process.ts";
import { pushDebianBase } from "../packages/lamella/testing/debian-base.ts";
import {
  type RunningRegistry,
  startRegistry,
} from "../packages/lamella/testing/docker-registry.ts";
import { startHttpServer } from "../packages/lamella/testing/http-server.ts";
import { lamella } from "../packages/lamella/testing/lamella.ts";
import {
  directory,
  file,
  hardLink,
  type MadeEntry,
  makeLayer,
  symlink,
} from "../packages/lamella/testing/made-base.ts";
import { pushMadeImage } from "../packages/lamella/testing/made-image.ts";
import { startRegistryProxy } from "../packages/lamella/testing/registry-proxy.ts";
import { mountSmallDisk } from "../packages/lamella/testing/small-disk.ts";
import { startWheelIndex } from "../packages/lamella/testing/wheel-index.ts";
import { type TestWheel, writeWheel } from "../packages/lamella/testing/wheel-writer.ts";
import { writeZip, type ZipMember } from "../packages/lamella/testing/zip-writer.ts";
import { failedBuild, type ReportedError } from "./failed-build.ts";
import { build, createProject, debianImage, type Project, settings } from "./project.ts";
import { TagCheck } from "./tag-check.ts";

// Whatever goes wrong outside, or is made to: an error that names it, nothing pushed, and a store that is still good.

let registry: RunningRegistry;
let open: AsyncDisposableStack;

beforeEach(async () => {
  open = new AsyncDisposableStack();
  registry = open.use(await startRegistry());
});
afterEach(() => open.disposeAsync());

/** Names of the tags that the image has. */
async function pushedTags(): Promise<readonly string[]> {
  const tags = new TagCheck(registry.host, "app");
  expect(await tags.missing()).toEqual([]);
  return [...tags.whole];
}

/** A build that fails and pushes no tag. */
async function failed(
  project: Pick<Project, "folder" | "store">,
  ...more: [args?: readonly string[], options?: Parameters<typeof failedBuild>[2]]
): Promise<ReportedError> {
  const error = await failedBuild(project, ...more);
  expect(await pushedTags()).toEqual([]);
  return error;
}

/** A project with one source file on a base of hand-made layers, which a registry of its own stands in for. */
async function projectOnBase(
  mirror: string,
  target = registry.host,
  base = "acme/base:1",
): Promise<Project> {
  const options = JSON.stringify({ registry: target, name: "app" });
  return open.use(
    await createProject({
      mirror,
      definition: `import { Image } from "lamella";
export default Image.fromBase("docker.io/${base}", ${options}).withSourceFolder("./src", "/app");
`,
      files: { "src/main.py": "print('main')\n" },
    }),
  );
}

describe("a registry that gives other bytes than the digest says", () => {
  test.each([
    [
      "for the base's manifest",
      ({ url = "" }: IncomingMessage, body: Buffer) =>
        url.includes("/manifests/") ? Buffer.concat([body, Buffer.from("\n")]) : body,
      /acme\/base/,
    ],
    [
      "for the base's config",
      ({ url = "" }: IncomingMessage, body: Buffer) =>
        url.includes("/blobs/") && isDocument(body) ? altered(body) : body,
      /acme\/base@sha256:[0-9a-f]{64}/,
    ],
    [
      "for a layer of the base",
      ({ url = "" }: IncomingMessage, body: Buffer) =>
        url.includes("/blobs/") && !isDocument(body) ? flipped(body) : body,
      /acme\/base@sha256:[0-9a-f]{64}/,
    ],
  ])("%s is named and not believed", async (_, body, named) => {
    const base = [await makeLayer([directory("app"), file("app/data", randomBytes(100_000))])];
    await pushMadeImage(registry.host, "acme/base", base);
    await using liar = await startRegistryProxy(registry.host, { body });
    const project = await projectOnBase(liar.host);

    const { message } = await failed(project);

    expect(message).toContain(liar.host);
    expect(message).toMatch(named);
    // What it said is not remembered.
    await project.write("config.yaml", settings({ mirror: registry.host }));
    await build(project);
    expect(await pushedTags()).toHaveLength(1);
  });
});

/** Changes a document so that it parses as before. */
function altered(body: Buffer): Buffer {
  return Buffer.from(body.toString("latin1").replace("1980", "1981"), "latin1");
}

/** Changes the last bit. */
function flipped(body: Buffer): Buffer {
  const other = Buffer.from(body);
  other.writeUInt8((other.at(-1) ?? 0) ^ 1, other.length - 1);
  return other;
}

/** Whether it is JSON, and no layer. */
function isDocument(body: Buffer): boolean {
  return body.at(0) === 0x7b;
}

test("a redirect that wants credentials gets none", async () => {
  await pushMadeImage(registry.host, "acme/base", [await makeLayer([file("data")])]);
  await using thief = await startHttpServer((_, response) => {
    response.writeHead(401, { "www-authenticate": 'Basic realm="storage"' }).end();
  });
  await using mirror = await startRegistryProxy(registry.host, {
    answer: ({ url = "", headers }, response) => {
      if (headers.authorization === undefined) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="registry"' }).end();
      } else if (url.includes("/blobs/")) {
        response.writeHead(307, { location: `${thief.origin}${url}` }).end();
      } else return false;
      return true;
    },
  });
  const project = await projectOnBase(mirror.host);
  const auth = Buffer.from("me:hunter2").toString("base64");
  await project.write("docker/config.json", JSON.stringify({ auths: { [mirror.host]: { auth } } }));

  const { message } = await failed(project, [], {
    env: { DOCKER_CONFIG: join(project.folder, "docker") },
  });

  expect(message).toContain(thief.host);
  expect(mirror.requests.some(({ headers }) => headers["authorization"])).toBe(true);
  expect(thief.requests.length).toBeGreaterThan(0);
  expect(thief.requests.filter(({ headers }) => headers["authorization"])).toEqual([]);
});

describe("a wheel", () => {
  const demo = "demo-1.0-py3-none-any.whl";

  const module = { "demo/__init__.py": "" };
  const lying = (member: ZipMember): TestWheel => ({ files: module, members: [member] });

  test.each<[string, TestWheel, RegExp]>([
    ["with a path that leads out", lying({ name: "../evil.py" }), /"\.\.\/evil\.py"/],
    [
      "with a path that leads out further on",
      lying({ name: "demo/../../evil.py" }),
      /"demo\/\.\.\/\.\.\/evil\.py"/,
    ],
    ["with an absolute path", lying({ name: "/etc/evil.py" }), /"\/etc\/evil\.py"/],
    [
      "with a script that leads out",
      lying({ name: "demo-1.0.data/scripts/../../../evil" }),
      /evil/,
    ],
    [
      "with a symlink",
      lying({ name: "demo/link", content: "/etc/passwd", mode: 0o120777 }),
      /"demo\/link"/,
    ],
    [
      "whose local headers have other names",
      lying({ name: "demo/data.py", content: "x = 1\n", local: { name: "demo/evil.py" } }),
      /"demo\/data\.py"/,
    ],
    [
      "whose local headers have other sizes",
      lying({ name: "demo/data.py", content: "x = 1\n", local: { size: 7 } }),
      /"demo\/data\.py"/,
    ],
    [
      "whose files have another CRC",
      lying({ name: "demo/data.py", content: "x = 1\n", central: { crc: 1 }, local: { crc: 1 } }),
      /demo\/data\.py"/,
    ],
    [
      "that unpacks to more than it says",
      lying({
        name: "demo/bomb.bin",
        content: Buffer.alloc(10_000_000),
        central: { size: 100_000 },
        local: { size: 100_000 },
      }),
      /demo\/bomb\.bin"/,
    ],
    [
      "that says that it unpacks to more than it can",
      lying({
        name: "demo/bomb.bin",
        content: "x",
        central: { size: 3_000_000_000 },
        local: { size: 3_000_000_000 },
      }),
      /"demo\/bomb\.bin"/,
    ],
    [
      "whose entries overlap",
      lying({ name: "demo/data.py", content: "x = 1\n", central: { offset: 10 } }),
      /"demo\/(?:data|__init__)\.py" in it overlaps/,
    ],
    ["that does not say what it is", { files: module, metadata: { WHEEL: undefined } }, /WHEEL/],
  ])("%s is refused by name", async (_, wheel, named) => {
    const project = await projectWithWheels();
    await writeWheel(join(project.folder, "wheels"), wheel);

    const { message } = await failed(project);

    expect(message).toContain(demo);
    expect(message).toMatch(named);
  });

  test("that is another package is refused by name", async () => {
    const project = await projectWithWheels();
    await writeWheel(join(project.folder, "wheels"), {
      metadata: { METADATA: "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n" },
    });

    const { message } = await failed(project);

    expect(message).toMatch(/wheel.*demo.*evil/);
  });

  // uv opens the wheel before we do, and does not say where it lies.
  test.each<[string, (whole: Buffer) => Buffer]>([
    ["that is cut off", (whole) => whole.subarray(0, -40)],
    ["that is cut off in the middle", (whole) => whole.subarray(0, whole.length / 2)],
    ["that is empty", () => Buffer.alloc(0)],
    ["that is something else", () => randomBytes(5_000)],
    ["whose directory has more entries than there are", () => directoryOf({ count: 9 })],
    ["whose directory is longer than it says", () => directoryOf({ directorySize: 20 })],
  ])("%s is refused by name", async (_, damaged) => {
    const project = await projectWithWheels();
    const path = await writeWheel(join(project.folder, "wheels"), { files: module });
    await writeFile(path, damaged(await readFile(path)));

    const { message } = await failed(project);

    expect(message).toMatch(/wheel.*demo[- ]1\.0.*cannot be used/);
  });

  test("with another hash than was asked for is refused by name", async () => {
    const project = await projectWithWheels('withRequirements("requirements.txt")');
    await writeWheel(join(project.folder, "wheels"), { files: module });
    const hash = "0".repeat(64);
    await project.write("requirements.txt", `demo==1.0 --hash=sha256:${hash}\n`);

    const { message } = await failed(project);

    expect(message).toContain("demo 1.0");
  });

  test("that is not what was locked is refused by name", async () => {
    const project = await projectWithWheels();
    const wheels = join(project.folder, "wheels");
    await writeWheel(wheels, { files: module });
    await lock(project);
    await writeWheel(wheels, { files: { ...module, "demo/evil.py": "" } });

    const { message } = await failed(project, ["--locked"]);

    expect(message).toContain(demo);
  });

  test("that an index gives with other bytes than it says is refused by name, and fetched again", async () => {
    const project = await projectWithWheels();
    const wheels = join(project.folder, "wheels");
    await writeWheel(wheels, { files: { ...module, "demo/data.bin": randomBytes(500_000) } });
    let lie = true;
    await using index = await startWheelIndex(wheels, {
      content: (whole) =>
        lie
          ? Buffer.concat([whole.subarray(0, 1000), randomBytes(1), whole.subarray(1001)])
          : whole,
    });
    await project.write(
      "config.yaml",
      settings({ mirror: registry.host, indexUrl: `${index.origin}/simple/` }),
    );

    const { message } = await failed(project);

    expect(message).toContain(demo);
    lie = false;
    await build(project);
    expect(await pushedTags()).toHaveLength(1);
  });
});

/** A project that installs `demo` from its folder of wheels. */
async function projectWithWheels(call = 'withPipPackages("demo")'): Promise<Project> {
  await pushDebianBase(registry.host, { python: true });
  const project = await createProject({
    mirror: registry.host,
    definition: debianImage(registry.host, "app", call),
    wheels: "wheels",
  });
  await mkdir(join(project.folder, "wheels"));
  return open.use(project);
}

/** A wheel's bytes whose end record lies. */
function directoryOf(options: Parameters<typeof writeZip>[1]): Buffer {
  return writeZip([{ name: "demo/__init__.py" }, { name: "demo-1.0.dist-info/METADATA" }], options);
}

async function lock({ folder, store }: Project): Promise<void> {
  const { code, stderr } = await lamella(["lock", "image.ts"], {
    cwd: folder,
    env: { LAMELLA_HOME: store },
  });
  expect(code, stderr).toBe(0);
}

describe("a base whose layers", () => {
  test.each<[string, readonly MadeEntry[], RegExp]>([
    ["lead out", [file("../evil")], /"\.\.\/evil"/],
    ["lead out further on", [directory("app"), file("app/../../evil")], /evil/],
    ["link to what is outside", [hardLink("app", "../../etc/passwd")], /\.\.\/etc\/passwd/],
    [
      "link in circles",
      [symlink("app", "work"), symlink("work", "app")],
      /"(?:app|work)" lead in a circle/,
    ],
  ])("%s is refused by name", async (_, entries, named) => {
    await pushMadeImage(registry.host, "acme/base", [await makeLayer(entries)]);
    const project = await projectOnBase(registry.host);

    const { message } = await failed(project);

    expect(message).toMatch(named);
  });
});

describe("a full disk", () => {
  test.each(["100k", "300k", "1m", "2m", "3m"])(
    "of %s for the store is said, and the build goes on when there is room",
    async (size) => {
      await pushDebianBase(registry.host, { python: true });
      const project = open.use(
        await createProject({
          mirror: registry.host,
          definition: debianImage(registry.host, "app", 'withPipPackages("demo")'),
          wheels: "wheels",
        }),
      );
      const wheels = join(project.folder, "wheels");
      await mkdir(wheels);
      await writeWheel(wheels, { files: { "demo/data.bin": randomBytes(4_000_000) } });
      await using disk = await mountSmallDisk(size);
      const store = join(disk.path, "store");

      const { message, hint } = await failed({ ...project, store });

      expect(message).toContain("No space left");
      expect(message).toContain(disk.path);
      expect(hint).toContain("LAMELLA_HOME");
      await disk.remount("size=100m");
      await build({ ...project, store });
      expect(await pushedTags()).toHaveLength(1);
      expect(await readdir(join(store, "sessions"))).toEqual([]);
    },
  );

  test("for uv, on a machine that has none, is said", async () => {
    await pushDebianBase(registry.host, { python: true });
    const project = open.use(
      await createProject({
        mirror: registry.host,
        definition: debianImage(registry.host, "app", 'withPipPackages("demo")'),
      }),
    );
    await using disk = await mountSmallDisk("20m");
    const uvs = await executables("uv", process.env);
    const folders = process.env["PATH"]?.split(delimiter) ?? [];
    const path = folders.filter((folder) => !uvs.includes(join(folder, "uv"))).join(delimiter);

    const { message, hint } = await failed({ ...project, store: join(disk.path, "store") }, [], {
      env: { PATH: path },
    });

    expect(message).toContain("No space left");
    expect(message).toContain(disk.path);
    expect(hint).toContain("LAMELLA_HOME");
  });

  test("for a layout is said, and nothing half-done is left", async () => {
    await pushMadeImage(registry.host, "acme/base", [await makeLayer([directory("app")])]);
    const project = await projectOnBase(registry.host);
    await project.write("src/data.bin", randomBytes(4_000_000));
    await using disk = await mountSmallDisk("2m");
    const output = ["--output", `oci:${join(disk.path, "layout")}`];

    const { message, hint } = await failed(project, output);

    expect(message).toContain(join(disk.path, "layout"));
    expect(message).toContain("full");
    expect(hint).toContain("disk");
    expect(await readFile(join(disk.path, "layout/index.json"), "utf8")).not.toContain("sha256");
    await disk.remount("size=20m");
    expect((await build(project, output)).target).toBe("layout");
  });
});

describe("a registry that breaks in a push", () => {
  test("by resetting each connection is named when it has done so often enough", async () => {
    await using proxy = await startRegistryProxy(registry.host, {
      answer: (request) => isUpload(request) && reset(request),
    });

    const { message } = await failed(await largeProject(proxy.host));

    expect(message).toContain(proxy.host);
  });

  test("by resetting a few connections is borne with", async () => {
    let resets = 0;
    await using proxy = await startRegistryProxy(registry.host, {
      answer: (request) => isUpload(request) && resets++ < 3 && reset(request),
    });

    await build(await largeProject(proxy.host));

    expect(resets).toBeGreaterThan(3);
    expect(await pushedTags()).toHaveLength(1);
  });

  test("by dying is named, and another one gets it whole", async () => {
    const other = open.use(await startRegistry());
    const project = await largeProject(other.host);
    await using proxy = await startRegistryProxy(other.host, {
      answer: (request, response) => {
        if (!isUpload(request)) return false;
        process.kill(other.pid, "SIGKILL");
        response.destroy();
        return true;
      },
    });
    await project.write(
      "image.ts",
      (await readFile(join(project.folder, "image.ts"), "utf8")).replace(other.host, proxy.host),
    );

    const { message } = await failed(project);

    expect(message).toContain(proxy.host);
    await project.write(
      "image.ts",
      (await readFile(join(project.folder, "image.ts"), "utf8")).replace(proxy.host, registry.host),
    );
    await build(project);
    expect(await pushedTags()).toHaveLength(1);
  });

  test("by dying before the tag leaves none", async () => {
    await using proxy = await startRegistryProxy(registry.host, {
      answer: (request, response) => {
        if (request.method !== "PUT" || !request.url?.includes("/manifests/")) return false;
        response.destroy();
        return true;
      },
    });

    const { message } = await failed(await largeProject(proxy.host));

    expect(message).toContain(proxy.host);
  });
});

/** A project whose source layer takes a while to push. */
async function largeProject(target: string): Promise<Project> {
  await pushMadeImage(registry.host, "acme/base", [await makeLayer([directory("app")])]);
  const project = await projectOnBase(registry.host, target);
  await project.write("src/data.bin", randomBytes(5_000_000));
  return project;
}

/** Breaks the connection of an upload, after some of its bytes. */
function reset(request: IncomingMessage): true {
  let received = 0;
  request.on("data", (chunk: Buffer) => {
    received += chunk.length;
    if (received > 200_000) request.socket.resetAndDestroy();
  });
  return true;
}

/** Whether it brings a blob of more than a MiB. */
function isUpload({ method = "", url = "", headers }: IncomingMessage): boolean {
  const length = Number(headers["content-length"] ?? Infinity);
  return ["PATCH", "PUT"].includes(method) && url.includes("/blobs/uploads/") && length > 2 ** 20;
}
