import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildResult } from "../packages/lamella/src/engine/result.ts";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import {
  type LamellaResult,
  lamella,
  lamellaCli,
  temporaryFolder,
} from "../packages/lamella/testing/lamella.ts";
import { directory, makeLayer } from "../packages/lamella/testing/made-base.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { writeWheel } from "../packages/lamella/testing/wheel-writer.ts";
import { build, createProject, debianImage, type Project, settings, tryBuild } from "./project.ts";
import { withTraffic } from "./registry-traffic.ts";

let registry: RunningRegistry;
beforeAll(async () => {
  registry = await startMirror();
});
afterAll(() => registry?.[Symbol.asyncDispose]());

describe("with a lock", () => {
  test("two builds from empty stores, on machines that differ, give one digest", async () => {
    await using project = await createProject({
      mirror: registry.host,
      definition: debianImage(
        registry.host,
        "reproducible",
        'withPipPackages("pandas", "scikit-learn")',
        'withPipPackages("./wheels/alpha-1.0-py3-none-any.whl", "requests")',
        'withSourceFolder("./src", "/app")',
        'withEnvVars({ LEVEL: "1" })',
        'withWorkdir("/app")',
      ),
    });
    await writeTinyWheels(join(project.folder, "wheels"), [{ name: "alpha", version: "1.0" }]);
    await writeSourceTree(join(project.folder, "src"));
    await lock(project);
    // The other checkout's files are for its user alone; its base is the same image in another registry.
    await using elsewhere = await temporaryFolder("lamella checkout å ");
    const folder = join(elsewhere.path, "one/two");
    await mkdir(join(elsewhere.path, "one"));
    await run("sh", ["-c", 'umask 077; cp -R "$1" "$2"', "sh", project.folder, folder]);
    await using otherRegistry = await startMirror();
    await writeFile(join(folder, "config.yaml"), settings({ mirror: otherRegistry.host }));

    const here = await build(
      { folder: project.folder, store: join(project.folder, "../empty") },
      ["--locked"],
      {
        program: ["sh", "-c", 'umask 022; exec "$@"', "sh", process.execPath, lamellaCli],
        env: { TZ: "America/Los_Angeles", LC_ALL: "C" },
      },
    );
    const there = await build(
      { folder, store: join(elsewhere.path, "store") },
      ["--locked", "--output", "oci:image"],
      {
        program: await onOneProcessor("sh", "-c", 'umask 077; exec "$@"', "sh"),
        env: { TZ: "Pacific/Kiritimati", LC_ALL: "tr_TR.UTF-8" },
      },
    );

    expect([here.upToDate, there.upToDate]).toEqual([false, false]);
    expect(layersOf(there)).toEqual(layersOf(here));
    expect(there.digest).toBe(here.digest);
  });

  test("that no longer fits, --locked is refused, and nothing is pushed", async () => {
    await using project = await tinyProject();
    await lock(project);
    await project.write("image.ts", tinyImage("alpha", "beta"));

    const { result, writes } = await withTraffic(registry, () => tryBuild(project, ["--locked"]));

    expect(result.code).toBe(1);
    expect(result.events.at(-1)).toMatchObject({
      kind: "failed",
      code: "lock-stale",
      message: expect.stringMatching(/pylock\.tiny\.toml .*does not know: beta/),
      hint: expect.stringContaining("lamella lock"),
    });
    expect(result.stderr).toContain("does not know: beta");
    expect(writes).toEqual([]);
  });

  test("that is not there, --locked is refused, and nothing is pushed", async () => {
    await using project = await tinyProject();

    const { result, writes } = await withTraffic(registry, () => tryBuild(project, ["--locked"]));

    expect(result.code).toBe(1);
    expect(result.events.at(-1)).toMatchObject({
      kind: "failed",
      code: "lock-stale",
      message: `There is no lock at ${join(project.folder, "pylock.tiny.toml")}.`,
      hint: expect.stringContaining("lamella lock"),
    });
    expect(writes).toEqual([]);
  });
});

describe("a lock beside two definitions whose images have one name", () => {
  test("stays with the first, unless the second is told to take it", async () => {
    await using project = await tinyProject();
    await project.write("other.ts", tinyImage("beta"));
    await project.write("same.ts", tinyImage("alpha"));
    await lock(project);
    const path = join(project.folder, "pylock.tiny.toml");
    const first = await readFile(path, "utf8");

    const refused = await tryLock(project, ["other.ts"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`The lock ${path} is that of image.ts`);
    expect(refused.stderr).toContain("lamella lock other.ts --force");

    expect(await tryLock(project, ["same.ts"])).toMatchObject({
      code: 0,
      stdout: "pylock.tiny.toml: 1 package, unchanged\n",
    });
    expect(await readFile(path, "utf8")).toBe(first);

    expect(await tryLock(project, ["other.ts", "--force"])).toMatchObject({ code: 0 });
    expect(await readFile(path, "utf8")).toMatch(/name = "beta"[^]*file = "other.ts"/);
    const { stderr } = await tryBuild(project, ["--locked"]);
    expect(stderr).toMatch(/is that of other\.ts, whose image has the same name/);
  });
});

/** A project with an image that takes no time. */
async function tinyProject(): Promise<Project> {
  const { host } = registry;
  const definition = tinyImage("alpha");
  const project = await createProject({ mirror: host, definition, wheels: "wheels" });
  const wheels = ["alpha", "beta"].map((name) => ({ name, version: "1.0" }));
  await writeTinyWheels(join(project.folder, "wheels"), wheels);
  return project;
}

function tinyImage(...packages: string[]): string {
  const names = packages.map((name) => JSON.stringify(name)).join(", ");
  return debianImage(registry.host, "tiny", `withPipPackages(${names})`);
}

describe("layers", () => {
  // In registries, and in the manifests of users. Whoever changes one on purpose raises the version of the recipe
  // (`engine/step-key.ts`). None depends on a package index, the machine's Python, or what the base has installed.
  const golden = {
    "large 1.0": "sha256:bd74cdf1e11d1c058c24339c7640835f216166e72b4a0d81e53aaea9f5f12f4e",
    "deflated, stored": "sha256:a02a591a48aecfa70b03c776990843f69f88611647d1595e7a672e7054b89f44",
    "files in /app": "sha256:804841f6972163fb0ed0fafbdc6b0731b1f6a1401ba4cefd873e44c4d7c79bf8",
    "files in /home/worker/src":
      "sha256:bbf1b0a1a803f45d9afcc74edec52b5fe56dc7741982b15855d71303bafa104d",
  };

  test("of given wheels and sources have the digests that they always had", async () => {
    const home = await makeLayer([
      directory("home"),
      directory("home/worker", { mode: 0o700, uid: 1000, gid: 1000 }),
    ]);
    await using otherRegistry = await startMirror({ above: [home] });
    const { host } = otherRegistry;
    await using project = await createProject({
      mirror: host,
      definition: debianImage(
        host,
        "golden",
        'withPipPackages("stored", "deflated", "large")',
        'withSourceFolder("./src", "/app")',
        'withSourceFolder("./src", "/home/worker/src")',
      ),
      wheels: "wheels",
    });
    await writeGoldenWheels(join(project.folder, "wheels"));
    await writeSourceTree(join(project.folder, "src"));

    const layers = layersOf(await build(project, ["--output", "oci:image"]));

    const titles = Object.keys(golden);
    expect(
      Object.fromEntries(
        layers.flatMap(({ title, digest }) => (titles.includes(title) ? [[title, digest]] : [])),
      ),
    ).toEqual(golden);
  });
});

const run = promisify(execFile);

async function lock(project: Project): Promise<void> {
  const { code, stderr } = await tryLock(project, ["image.ts"]);
  if (code !== 0) throw new Error(`lamella lock ended with code ${code}:\n${stderr}`);
}

function tryLock({ folder, store }: Project, args: readonly string[]): Promise<LamellaResult> {
  return lamella(["lock", ...args], { cwd: folder, env: { LAMELLA_HOME: store } });
}

/** A program that runs the built command on the first processor that this process may use. */
async function onOneProcessor(...inner: string[]): Promise<[string, ...string[]]> {
  const status = await readFile("/proc/self/status", "utf8");
  const [, first = "0"] = /^Cpus_allowed_list:\s*(\d+)/m.exec(status) ?? [];
  return ["taskset", "--cpu-list", first, ...inner, process.execPath, lamellaCli];
}

/** Small wheels, stored and deflated, with all that is rewritten when they are installed, and one with a layer of its own. */
async function writeGoldenWheels(folder: string): Promise<void> {
  await writeTinyWheels(folder, [{ name: "stored", version: "1.0" }]);
  await writeWheel(folder, {
    name: "deflated",
    files: {
      "deflated/__init__.py": "def main():\n    print('deflated')\n".repeat(50),
      "deflated/données/é.txt": "text\n",
      [`deflated/${"long/".repeat(30)}name.txt`]: "deep\n",
      "deflated-1.0.data/scripts/deflated-script": "#!python\nprint('script')\n",
      "deflated-1.0.data/data/share/deflated.txt": "data\n",
    },
    entryPoints: "[console_scripts]\ndeflated = deflated:main\n",
  });
  await writeWheel(folder, {
    name: "large",
    files: { "large.py": "", "large.bin": noise(1_500_000) },
  });
}

/** A tree with what trees have: an executable, a link, an empty folder and file, long names and other scripts. */
async function writeSourceTree(folder: string): Promise<void> {
  await mkdir(join(folder, "empty"), { recursive: true });
  await mkdir(join(folder, "données/日本"), { recursive: true });
  await writeFile(join(folder, "main.py"), "import os\nprint(os.getcwd())\n");
  await writeFile(join(folder, "run.sh"), "#!/bin/sh\nexec python main.py\n");
  await chmod(join(folder, "run.sh"), 0o755);
  await writeFile(join(folder, "nothing"), "");
  await writeFile(join(folder, "données/日本/ファイル.txt"), "text\n");
  await writeFile(join(folder, `${"n".repeat(150)}.txt`), "a long name\n");
  await writeFile(join(folder, "weights.bin"), noise(300_000));
  await writeFile(join(folder, "table.csv"), "one,two,three\n1,2,3\n".repeat(10_000));
  await symlink("main.py", join(folder, "link.py"));
}

/** Bytes that do not compress, always the same. */
function noise(length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
    createHash("sha256").update(String(index)).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

function layersOf({ platforms }: BuildResult): { title: string; digest: string }[] {
  return platforms.flatMap(({ layers }) => layers.map(({ title, digest }) => ({ title, digest })));
}
