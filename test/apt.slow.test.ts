import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildEvent } from "../packages/lamella/src/engine/event.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { startWheelIndex } from "../packages/lamella/testing/wheel-index.ts";
import { writeWheel } from "../packages/lamella/testing/wheel-writer.ts";
import { startAptMirror } from "./apt-mirror.ts";
import { lamellaEngine } from "./lamella-engine.ts";
import { layerPaths } from "./layer-paths.ts";
import {
  build,
  createProject,
  debianImage,
  type Project,
  type ProjectOptions,
  tryBuild,
} from "./project.ts";
import { executed, type SeenTask, tasksOf } from "./tasks.ts";

// Debian packages of Debian's own archives, in a real Debian base.

let registry: RunningRegistry;
let bare: RunningRegistry;
let shared: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  registry = await startAptMirror();
  bare = await startAptMirror({ python: false });
  shared = await temporaryFolder();
});
afterAll(async () => {
  await shared?.[Symbol.asyncDispose]();
  await bare?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});

async function projectWith(
  name: string,
  calls: readonly string[],
  options: Partial<ProjectOptions> = {},
): Promise<Project> {
  const mirror = options.mirror ?? registry.host;
  const project = await createProject({
    mirror,
    definition: debianImage(mirror, name, ...calls),
    files: { "src/main.py": "print('main')\n" },
    ...options,
  });
  return { ...project, store: shared.path };
}

async function succeeding(project: Project): Promise<readonly BuildEvent[]> {
  const { code, events, stderr } = await tryBuild(project);
  expect(code, stderr).toBe(0);
  return events;
}

/** How often a step has asked the archives for their lists. */
function updates({ output }: SeenTask): number {
  return output.filter(({ text }) => text.startsWith("Reading package lists")).length - 1;
}

describe("Debian packages", () => {
  test("are in the image, without those that they recommend, and without lists, archives and logs", async () => {
    await using project = await projectWith("installed", ['withAptPackages("gpg", "tree")']);
    const { uri, platforms } = await build(project);
    const inImage = async (script: string): Promise<string> =>
      await lamellaEngine(project).run(uri, ["sh", "-c", script]);
    expect(await inImage("tree --version; gpg --version")).toMatch(/^tree v2.*\ngpg \(GnuPG\)/);
    expect(await inImage("dpkg-query -W -f '${Status}\\n' gnupg 2>&1 || true")).toMatch(
      /not-installed|no packages/,
    );
    const apt = platforms[0]?.layers.find(({ title }) => title.startsWith("apt-get"));
    const paths = await layerPaths(`${registry.host}/installed`, apt?.digest ?? "");
    expect(paths).toContain("usr/bin/tree");
    expect(paths.filter((path) => /^(run|var\/(lib\/apt\/lists|cache|log))\//.test(path))).toEqual(
      [],
    );
    expect(await inImage("ls /run")).toBe("lock\n");
  });

  test("are looked up once a build, and again when the archives are others", async () => {
    await using project = await projectWith("lists", [
      'withAptPackages("tree")',
      'withEnvVars({ A: "1" })',
      'withAptPackages("patch")',
      "withCommands(\"echo '# other' >> /etc/apt/sources.list\")",
      'withAptPackages("less")',
    ]);
    const tasks = executed(await succeeding(project)).filter(({ name }) => name.startsWith("apt"));
    const names = tasks.map(({ name }) => name.split(" ").at(-1));
    expect(names.slice(-2)).toEqual(["patch", "less"]);
    expect(tasks.slice(-3).map(updates)).toEqual([1, 0, 1]);
  });

  test("that are not there are named", async () => {
    await using project = await projectWith("missing", [
      'withAptPackages("no-such-package", "tree=99", "also-not-there")',
    ]);
    const { code, events } = await tryBuild(project);
    expect(code).toBe(1);
    const last = events.at(-1);
    expect(last).toMatchObject({ kind: "failed", code: "apt-package-missing" });
    const message = last?.kind === "failed" ? last.message : "";
    expect(message).toMatch(/no-such-package.*also-not-there|also-not-there.*no-such-package/);
  });

  test("are kept as they are until newer ones are asked for", async () => {
    await using project = await projectWith("kept", ['withAptPackages("tree", "less")']);
    await succeeding(project);
    expect(executed((await tryBuild(project, ["--force"])).events)).toEqual([]);
    const upgraded = await tryBuild(project, ["--upgrade"]);
    expect(upgraded.code).toBe(0);
    expect(executed(upgraded.events)).toHaveLength(1);
    // The same packages make the same layer: nothing above is made again.
    const [first, second] = [upgraded, await tryBuild(project, ["--upgrade"])].map(({ events }) => {
      const last = events.at(-1);
      return last?.kind === "finished" ? last.result.digest : undefined;
    });
    expect(second).toBe(first);
  });
});

test("Python that a base gets from its archives is what packages are laid for", async () => {
  await using project = await projectWith(
    "python",
    [
      'withAptPackages("python3")',
      'withPipPackages("alpha")',
      "withCommands(\"python -c 'import alpha; print(alpha.version)' > /seen\")",
    ],
    { mirror: bare.host, wheels: "wheels" },
  );
  await writeTinyWheels(`${project.folder}/wheels`, [{ name: "alpha", version: "1.0" }]);
  await succeeding(project);
  const { uri } = await build(project);
  expect(await lamellaEngine(project).run(uri, ["cat", "/seen"])).toBe("1.0\n");
});

test("apt runs while wheels are fetched and converted, and finished layers are uploaded meanwhile", async () => {
  await using folder = await temporaryFolder();
  const names = ["one", "two", "three"];
  for (const name of names) {
    // Large enough for a layer of its own.
    const files = { [`${name}/data`]: randomBytes(3 * 1024 * 1024) };
    await writeWheel(folder.path, { name, version: "1.0", files });
  }
  await using index = await startWheelIndex(folder.path, { pause: 100 });
  await using project = await projectWith(
    "parallel",
    [
      'withAptPackages("git", "perl")',
      `withPipPackages(${names.map((name) => JSON.stringify(name)).join(", ")})`,
      'withSourceFolder("./src", "/app")',
    ],
    { indexUrl: `${index.origin}/simple/` },
  );
  const events = await succeeding(project);
  const tasks = tasksOf(events);
  const [apt] = executed(events);
  const during = tasks
    .filter(({ endedAt }) => apt && endedAt > apt.startedAt && endedAt < apt.endedAt)
    .map(({ kind, name }) => `${kind} ${name}`);
  for (const name of names) {
    expect(during).toContain(`fetch ${name} 1.0`);
    expect(during).toContain(`layer ${name} 1.0`);
    expect(during).toContain(`push ${name} 1.0`);
  }
  // What was made in hope is in the image: nothing is made twice.
  const made = tasks.filter(({ kind, outcome }) => kind === "layer" && outcome === "done");
  expect(made.map(({ name }) => name).toSorted()).toEqual(
    [...new Set(made.map(({ name }) => name))].toSorted(),
  );
});
