import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamella, temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { installForAll } from "./install-for-all.ts";
import { build, createProject, debianImage, type Project } from "./project.ts";

let registry: RunningRegistry;
beforeAll(async () => {
  registry = await startMirror();
});
afterAll(() => registry?.[Symbol.asyncDispose]());

describe("a user without any privilege", () => {
  // No such user is known to the system, as in many a CI container.
  const [uid, gid] = [54_321, 54_321];

  test("builds the very image that root builds, with a copy of the command", async () => {
    await using project = await projectFor(registry.host, "one");
    await using readable = await temporaryFolder("lamella-for-all-");
    const program = await installForAll(readable.path);
    // Nothing of root's own.
    const env = { PATH: "/usr/local/bin:/usr/bin:/bin", XDG_CACHE_HOME: undefined };
    const byRoot = await build(project, ["--output", "oci:by-root"], { program, env });
    const home = dirname(project.folder);
    await promisify(execFile)("chown", ["--recursive", `${uid}:${gid}`, home]);
    const store = join(home, "own", "store");

    const byUser = await build({ ...project, store }, [], {
      uid,
      gid,
      program,
      env: { ...env, HOME: join(home, "own"), TMPDIR: home },
    });

    expect(byUser.digest).toBe(byRoot.digest);
    expect(byUser.target).toBe("registry");
    expect(await stat(store)).toMatchObject({ uid, gid });
  });
});

describe("a build that only places files", () => {
  const source = join(import.meta.dirname, "../packages/lamella/src");

  test("loads nothing that executes in an image, while a run does", async () => {
    await using project = await projectFor(registry.host, "other");
    const during = async (name: string, ...args: string[]): Promise<readonly string[]> => {
      const record = join(dirname(project.folder), name);
      const { code, stderr } = await lamella(args, {
        cwd: project.folder,
        program: [
          process.execPath,
          "--import",
          join(import.meta.dirname, "record-modules.ts"),
          join(source, "cli/bin.ts"),
        ],
        env: { LAMELLA_HOME: project.store, RECORD_MODULES: record },
      });
      expect(code, stderr).toBe(0);
      return (await readFile(record, "utf8")).split("\n");
    };
    const execution = pathToFileURL(join(source, "execution/")).href;
    const layerThread = pathToFileURL(join(source, "engine/materialize/run-layer-job.ts")).href;

    const building = await during("build", "build", "image.ts");
    const running = await during("run", "run", "image.ts", "--", "python", "-c", "import alpha");

    expect(building).toContain(layerThread);
    expect(building.filter((url) => url.startsWith(execution))).toEqual([]);
    expect(running.filter((url) => url.startsWith(execution))).not.toEqual([]);
  });
});

async function projectFor(host: string, name: string): Promise<Project> {
  const project = await createProject({
    mirror: host,
    definition: debianImage(
      host,
      name,
      'withPipPackages("alpha")',
      'withEnvVars({ MODE: "test" })',
      'withSourceFolder("./src", "/app")',
      'withWorkdir("/app")',
    ),
    files: { "src/main.py": "import alpha\n" },
    wheels: "wheels",
  });
  await writeTinyWheels(join(project.folder, "wheels"), [{ name: "alpha", version: "1.0" }]);
  return project;
}
