import { lutimes, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamella, startLamella } from "../packages/lamella/testing/lamella.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { build, createProject, debianImage, type Project, tryBuild } from "./project.ts";

// The store is pruned by the command, beside builds and between them.

let registry: RunningRegistry;
let open: AsyncDisposableStack;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  registry = opening.use(await startMirror());
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

async function project(name: string): Promise<Project> {
  const calls = [`withPipPackages("alpha", "beta")`, `withSourceFolder("./src", "/srv/app")`];
  const made = await createProject({
    mirror: registry.host,
    definition: debianImage(registry.host, name, ...calls),
    files: { "src/main.py": "import alpha\n" },
    wheels: "wheels",
  });
  await writeTinyWheels(join(made.folder, "wheels"), [
    { name: "alpha", version: "1.0" },
    { name: "beta", version: "1.0" },
  ]);
  return made;
}

async function prune({ folder, store }: Project, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await lamella(["prune", ...args], {
    cwd: folder,
    env: { LAMELLA_HOME: store },
  });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
}

/** Makes all that a store has as old as if nobody had used it for 40 days. */
async function age({ store }: Project): Promise<void> {
  const then = Date.now() / 1000 - 40 * 24 * 3600;
  for (const entry of await readdir(store, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!path.startsWith(join(store, "sessions"))) await lutimes(path, then, then);
  }
}

test("what was not used for 30 days goes, and a build makes the same image again", async () => {
  await using used = await project("again");
  const first = await build(used, ["--force"]);
  await used.write("src/main.py", "import beta\n");
  await build(used);
  expect(await prune(used)).toMatch(/^Nothing removed; \d+ items, /);
  await age(used);

  const would = await prune(used, "--dry-run");
  expect(would).toMatch(/ {2}wheels, layers and documents +\d+ +[\d.]+ kB\n/);
  expect(would).toMatch(/ would be removed; nothing would stay\.\n$/);
  expect(await prune(used)).toMatch(/ removed; nothing stays\.\n$/);

  await used.write("src/main.py", "import alpha\n");
  const again = await build(used, ["--force"]);
  expect(again.digest).toBe(first.digest);
});

test("builds that run while everything is pruned end as they would have", async () => {
  await using busy = await project("busy");
  const expected = await build(busy, ["--force"]);
  for (let round = 0; round < 4; round++) {
    await age(busy);
    const pruning = startLamella(["prune", "--all"], {
      cwd: busy.folder,
      env: { LAMELLA_HOME: busy.store },
    });
    const ended = new Promise((resolve) => pruning.once("exit", resolve));
    const { code, events, stderr } = await tryBuild(busy, ["--force"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(events.at(-1)).toMatchObject({ kind: "finished", result: { digest: expected.digest } });
    expect(await ended).toBe(0);
  }
});

test("an image that only the store has runs until it is pruned, and is then built again", async () => {
  await using local = await createProject({
    mirror: registry.host,
    definition: `import { Image } from "lamella";
export default Image.fromBase("docker.io/library/python:3.11-slim-bookworm", { name: "local" })
  .withSourceFolder("./src", "/srv/app");
`,
    files: { "src/main.py": "print('here')\n" },
  });
  const run = (): ReturnType<typeof lamella> =>
    lamella(["run", "image.ts", "--", "python3", "/srv/app/main.py"], {
      cwd: local.folder,
      env: { LAMELLA_HOME: local.store },
    });
  await build(local);
  expect(await run()).toMatchObject({ code: 0, stdout: "here\n" });
  await age(local);
  expect(await run()).toMatchObject({ code: 0, stdout: "here\n" });
  // That was a use.
  await prune(local, "--older-than", "30d");
  expect(await run()).toMatchObject({ code: 0, stdout: "here\n" });
  expect(await prune(local, "--all")).toMatch(/unpacked layers/);
  expect(await run()).toMatchObject({ code: 1, stderr: expect.stringMatching(/Build it first/) });
  await build(local);
  expect(await run()).toMatchObject({ code: 0, stdout: "here\n" });
});
