import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { debianBase, pushDebianBase } from "../../testing/debian-base.ts";
import { startRegistry } from "../../testing/docker-registry.ts";
import { directory, file, makeLayer, symlink } from "../../testing/made-base.ts";
import { parseReference } from "../image/reference.ts";
import { createRegistryClient } from "../registry/client.ts";
import { anonymous } from "../registry/credentials.ts";
import { Store } from "../store/store.ts";
import { debianSources } from "./apt-sources.ts";
import { loadBase } from "./base.ts";
import { makeDebianImage } from "./debian-image.ts";
import { BootstrapFailedError } from "./error.ts";
import { resolvePath } from "./placement.ts";
import { readOutline } from "./read-outline.ts";

const run = promisify(execFile);
const as = parseReference("docker.io/library/python:3.11-slim-bookworm");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-bootstrap-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("twice the same digest, whatever the umask, the time zone, the locale and other variables", async () => {
  const { store: cached, image } = await debianBase({ python: true });
  await using _ = cached;
  await using store = await Store.open(join(folder, "other"));
  const umask = process.umask(0o077);
  try {
    const lines: string[] = [];
    const made = await makeDebianImage({
      suite: "bookworm",
      python: true,
      platform: "linux/amd64",
      store,
      env: { PATH: process.env["PATH"], TZ: "Pacific/Auckland", LANG: "C", PYTHONHASHSEED: "1" },
      onLine: (line) => lines.push(line),
    });
    expect(made.image.manifest.descriptor.digest).toBe(image.manifest.descriptor.digest);
    expect(lines.length).toBeGreaterThan(3);
  } finally {
    process.umask(umask);
  }
});

test("a base that is pushed is loaded by its annotation, which says what the layers say", async () => {
  await using registry = await startRegistry();
  await using client = createRegistryClient({
    registries: { "docker.io": { mirror: registry.host } },
    credentials: anonymous,
  });
  const reference = await pushDebianBase(registry.host, { python: true });
  expect(reference).toBe(`${registry.host}/library/python:3.11-slim-bookworm`);
  await using store = await Store.open(join(folder, "loading"));
  const base = await loadBase(as, { client, store });
  expect(base.outlineKnown).toBe(true);
  const asked = await registry.accessLog();
  const layer = base.layers[0]!;
  const digests = asked.filter(({ method }) => method === "GET").map(({ path }) => path);
  expect(digests.some((path) => path.includes(layer.digest))).toBe(false);

  const { outline } = base;
  expect(outline.python).toMatchObject({ python: "3.11", executable: "/usr/bin/python3.11" });
  expect(outline.python?.version).toMatch(/^3\.11\.\d+$/);
  expect(outline.libc).toEqual({ kind: "glibc", major: 2, minor: 36 });
  expect(outline.links.get("bin")).toBe("usr/bin");
  expect(outline.directories.get("root")?.mode).toBe(0o700);
  expect(outline.passwd?.text).toContain("root:x:0:0:");
  const source = { ...layer, open: () => base.repository.blob(layer) };
  expect(await readOutline([source], base.config)).toEqual(outline);
});

test("with layers on top, nothing is carried, and the layers are read", async () => {
  await using registry = await startRegistry();
  await using client = createRegistryClient({ registries: {}, credentials: anonymous });
  const above = await makeLayer([
    directory("srv/app", { mode: 0o2775, uid: 7, gid: 8 }),
    symlink("app", "/srv/app"),
    directory("home/ada", { mode: 0o700, uid: 1000, gid: 1000 }),
    file(".wh.media"),
  ]);
  const reference = await pushDebianBase(registry.host, { python: true, above: [above] });
  await using store = await Store.open(join(folder, "above"));
  const base = await loadBase(parseReference(reference), { client, store });
  expect(base.outlineKnown).toBe(false);
  expect(resolvePath(base.outline, "/app/x")).toBe("srv/app/x");
  expect(base.outline.directories.get("home/ada")).toEqual({ mode: 0o700, uid: 1000, gid: 1000 });
  expect(base.outline.directories.has("media")).toBe(false);
  expect(base.outline.python?.python).toBe("3.11");
});

test("it runs, and nothing in it is of the machine that made it", async () => {
  const { store, image } = await debianBase({ python: true });
  await using _ = store;
  const root = join(folder, "root");
  await mkdir(root);
  await run("tar", ["-C", root, "-xzf", store.blobs.path(image.layers[0]!.digest)]);
  const program = [
    "import ssl, sys, venv",
    "authorities = ssl.create_default_context().cert_store_stats()['x509_ca']",
    "print(sys.version_info[:2], authorities > 50)",
  ].join("\n");
  const { stdout } = await run("chroot", [root, "/usr/local/bin/python", "-c", program]);
  expect(stdout).toBe("(3, 11) True\n");

  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const names = entries.map(({ parentPath, name }) => join(parentPath, name).slice(root.length));
  expect(names).not.toContain("/etc/resolv.conf");
  expect(names).not.toContain("/etc/hostname");
  const archives = (await debianSources("bookworm", { env: process.env })).map(
    (line) => line.split(" ")[1] ?? "",
  );
  const traces = [...archives, `${hostname()}.`].filter((trace) => trace.length > 5);
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const inside = path.slice(root.length);
    if (/^\/(?:dev|run|tmp|var\/log|var\/lib\/apt\/lists)\//.test(inside)) {
      expect([inside, entry.isDirectory()]).toEqual([inside, true]);
    }
    if (!entry.isFile() || !/^\/(?:etc|var|root)\//.test(inside)) continue;
    const content = await readFile(path, "utf8");
    for (const trace of traces) expect([inside, content.includes(trace)]).toEqual([inside, false]);
  }
});

test("a suite that does not exist is an error with what mmdebstrap said", async () => {
  await using store = await Store.open(join(folder, "none"));
  const making = makeDebianImage({
    suite: "no-such-suite",
    python: false,
    platform: "linux/amd64",
    store,
    env: process.env,
  });
  await expect(making).rejects.toThrow(BootstrapFailedError);
  await expect(making).rejects.toThrow(/no-such-suite/);
});

test("cancelling ends mmdebstrap and leaves nothing behind", async () => {
  await using store = await Store.open(join(folder, "cancelled"));
  const stop = new AbortController();
  const reason = new Error("enough");
  const making = makeDebianImage({
    suite: "bookworm",
    python: false,
    platform: "linux/amd64",
    store,
    env: process.env,
    signal: stop.signal,
    onLine: (line) => {
      if (line.includes("running apt-get update")) stop.abort(reason);
    },
  });
  await expect(making).rejects.toBe(reason);
  const { stdout } = await run("ps", ["-e", "-o", "args="]);
  expect(stdout).not.toContain(store.root);
});
