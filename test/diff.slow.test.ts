import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ImageDiff } from "../packages/lamella/src/engine/diff/compare-images.ts";
import type { ImageFile } from "../packages/lamella/src/engine/diff/layer-files.ts";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamella } from "../packages/lamella/testing/lamella.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { unpackWithUmoci } from "../packages/lamella/testing/umoci.ts";
import { build, createProject, debianImage, type Project } from "./project.ts";

// How two images differ, held to what umoci unpacks of them.

let registry: RunningRegistry;
let project: Project;
let open: AsyncDisposableStack;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  registry = opening.use(await startMirror());
  project = opening.use(
    await createProject({
      mirror: registry.host,
      definition: image(
        `withPipPackages("alpha<2", "gone")`,
        `withEnvVars({ GREETING: "hi", KEPT: "1" })`,
      ),
      files: { "src/main.py": "print('one')\n", "src/old/data.txt": "old\n" },
      wheels: "wheels",
    }),
  );
  await writeTinyWheels(join(project.folder, "wheels"), [
    { name: "alpha", version: "1.0" },
    { name: "alpha", version: "2.0" },
    { name: "beta", version: "1.0" },
    { name: "gone", version: "1.0" },
  ]);
  await build(project, ["--output", "oci:before", "--tag", "it"]);
  await build(project, ["--tag", "before"]);
  await project.write(
    "image.ts",
    image(
      `withPipPackages("alpha", "beta")`,
      `withEnvVars({ GREETING: "hello", KEPT: "1", MORE: "2" })`,
      // Whiteouts, an opaque directory, a file in place of a directory, a hard link, a mode, an owner.
      `withCommands(${JSON.stringify(
        [
          "rm -r /usr/share/doc/bash /etc/skel && mkdir /etc/skel && echo new > /etc/skel/new",
          "rm -r /usr/share/doc/dash && echo file > /usr/share/doc/dash",
          "echo x > /srv/one && ln /srv/one /srv/two && ln -s one /srv/three",
          "chmod 600 /etc/profile && chown 7:8 /etc/issue",
        ].join(" && "),
      )})`,
    ),
  );
  await project.write("src/main.py", "print('two')\n");
  await project.write("src/new.py", "print('new')\n");
  await build(project, ["--output", "oci:after", "--tag", "it"]);
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

function image(...calls: readonly string[]): string {
  return debianImage(registry.host, "diff", ...calls, `withSourceFolder("./src", "/srv/app")`);
}

async function diff(...args: readonly string[]): Promise<ImageDiff> {
  const { code, stdout, stderr } = await lamella(["diff", ...args, "--json"], {
    cwd: project.folder,
    env: { LAMELLA_HOME: project.store },
  });
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as ImageDiff;
}

test("the files are those that differ when umoci has unpacked both", async () => {
  const [before, after] = await Promise.all(
    ["before", "after"].map(async (name) => {
      await using bundle = await unpackWithUmoci(join(project.folder, name), "it");
      return await inventory(bundle.rootfs);
    }),
  );
  const expected = [...new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])]
    .map((path) => ({ path, before: before?.get(path), after: after?.get(path) }))
    .filter((change) => JSON.stringify(change.before) !== JSON.stringify(change.after));
  const found = (await diff("oci:before:it", "oci:after:it")).files;
  expect(found.toSorted(byPath)).toEqual(
    expected.toSorted(byPath).map((change) => JSON.parse(JSON.stringify(change)) as unknown),
  );
  expect(found.map(({ path }) => path)).toEqual(
    expect.arrayContaining(["/etc/skel/new", "/usr/share/doc/dash", "/srv/two", "/etc/profile"]),
  );
  expect(found.length).toBeGreaterThan(20);
});

test("packages, layers, variables and settings are told beside", async () => {
  const { packages, layers, env, before, after } = await diff("oci:before:it", "oci:after:it");
  expect(packages).toMatchObject([
    { kind: "python", name: "alpha", before: "1.0", after: "2.0" },
    { kind: "python", name: "beta", after: "1.0" },
    { kind: "python", name: "gone", before: "1.0" },
  ]);
  expect(env.filter(({ name }) => name !== "_F_IMG_ID")).toEqual([
    { name: "GREETING", before: "hi", after: "hello" },
    { name: "MORE", after: "2" },
  ]);
  expect(layers.added.length + layers.same).toBe(after.layers);
  expect(layers.removed.length + layers.same).toBe(before.layers);
  expect(layers.same).toBeGreaterThan(0);
});

test("a definition is compared as a build would make it, and nothing is tagged", async () => {
  const pushed = `${registry.host}/diff:before`;
  const between = await diff(pushed, "image.ts");
  const same = await diff("oci:before:it", "oci:after:it");
  expect(between).toEqual({
    ...same,
    before: { ...same.before, name: pushed },
    after: { ...same.after, name: "image.ts" },
  });
  const tags = await fetch(`http://${registry.host}/v2/diff/tags/list`);
  const { tags: names } = (await tags.json()) as { readonly tags: readonly string[] };
  // Its own, and the one that was asked for.
  expect(names).toHaveLength(2);
  const none = await diff("image.ts", "oci:after:it");
  expect([none.packages, none.files, none.env]).toEqual([[], [], []]);
});

test("a definition's secrets can be given, and no cache is written", async () => {
  const caller = 'withCommands([\'test -n "$TOKEN"\'], { secretMounts: "token" })';
  await project.write("secret.ts", image(caller));
  await project.write("token.txt", "a value for a test");
  const cache = { to: `${registry.host}/caches/diff` };
  const registries = { "docker.io": { mirror: registry.host } };
  await project.write("cached.yaml", JSON.stringify({ lamella: { registries, cache } }));
  const { env } = await diff(
    "oci:before:it",
    "secret.ts",
    "--config",
    "cached.yaml",
    "--secret",
    "id=token,src=token.txt",
  );
  expect(env.map(({ name }) => name)).not.toContain("TOKEN");
  expect((await fetch(`http://${registry.host}/v2/caches/diff/tags/list`)).status).toBe(404);
});

test("a definition is built as `lamella build` would: with its caches and within its limits", async () => {
  const cache = `${registry.host}/caches/named`;
  await build(project, ["--force", "--cache-to", cache]);
  const store = join(project.folder, "fresh-store");
  const run = (...args: readonly string[]): ReturnType<typeof lamella> =>
    lamella(["diff", "oci:before:it", ...args], {
      cwd: project.folder,
      env: { LAMELLA_HOME: store },
    });
  expect(await run("image.ts", "--cache-from", cache)).toMatchObject({ code: 0, stderr: "" });
  // Nothing was unpacked, so nothing was executed.
  expect(await readdir(join(store, "snapshots"))).toEqual([]);

  await project.write("slow.ts", image('withCommands("sleep 100")'));
  const slow = await run("slow.ts", "--step-timeout", "1s");
  expect(slow.code).toBe(1);
  expect(slow.stderr).toMatch(/sleep 100/);
});

function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : 1;
}

/** What a folder has, by absolute path, in the words of the command. */
async function inventory(root: string): Promise<ReadonlyMap<string, ImageFile>> {
  const found = new Map<string, ImageFile>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const stats = await lstat(path);
    const { uid, gid } = stats;
    const common = { mode: stats.mode & 0o7777, uid, gid };
    const inside = path.slice(root.length);
    if (stats.isDirectory()) found.set(inside, { kind: "directory", ...common });
    else if (stats.isSymbolicLink()) {
      found.set(inside, { kind: "symlink", ...common, target: await readlink(path) });
    } else {
      const digest = createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
      found.set(inside, { kind: "file", ...common, size: stats.size, digest: `sha256:${digest}` });
    }
  }
  return found;
}
