import { execFile } from "node:child_process";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunningHttpServer } from "../../testing/http-server.ts";
import { temporaryFolder } from "../../testing/lamella.ts";
import { type TinyWheel, writeTinyWheels } from "../../testing/tiny-wheel.ts";
import { startWheelIndex } from "../../testing/wheel-index.ts";
import { checkFreshness } from "../image/project/uv-freshness.ts";
import { readUvProject, type UvProjectChoice } from "../image/project/uv-project.ts";
import { projectPackages } from "./project-packages.ts";

// Locks that real versions of uv write, and what `uv sync` would install of them.

let open: AsyncDisposableStack;
let folder: string;
let publicIndex: RunningHttpServer;
let privateIndex: RunningHttpServer;
let olderUv: string;

const published: readonly TinyWheel[] = [
  { name: "base", version: "1.0" },
  { name: "base", version: "2.0" },
  {
    name: "tool",
    version: "1.0",
    requires: [
      "base<2 ; python_version < '3.12'",
      "base>=2 ; python_version >= '3.12'",
      "leaf ; extra == 'fancy'",
    ],
    extras: ["fancy"],
  },
  { name: "leaf", version: "1.0", requires: ["windows-only ; sys_platform == 'win32'"] },
  { name: "windows-only", version: "1.0" },
  { name: "engine", version: "1.0" },
  { name: "engine", version: "2.0" },
  { name: "lint", version: "1.0" },
  { name: "docs", version: "1.0" },
  // Somebody else's, of a name that the project has a package of its own of.
  { name: "secret", version: "9.0", requires: ["windows-only"] },
];

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  folder = opening.use(await temporaryFolder("lamella-uv-locks-")).path;
  await writeTinyWheels(path.join(folder, "public"), published);
  await writeTinyWheels(path.join(folder, "private"), [{ name: "secret", version: "1.0" }]);
  publicIndex = opening.use(await startWheelIndex(path.join(folder, "public")));
  privateIndex = opening.use(await startWheelIndex(path.join(folder, "private")));
  await promisify(execFile)("uv", ["venv", path.join(folder, "older")]);
  const older = path.join(folder, "older/bin/python");
  await promisify(execFile)("uv", ["pip", "install", "--python", older, "uv==0.5.31"]);
  olderUv = path.join(folder, "older/bin/uv");
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

async function run(uv: string, ...args: readonly string[]): Promise<string> {
  const env = {
    ...process.env,
    UV_DEFAULT_INDEX: `${publicIndex.origin}/simple/`,
    UV_PROJECT_ENVIRONMENT: path.join(folder, "environment"),
  };
  const { stderr } = await promisify(execFile)(uv, args, { env });
  return stderr;
}

async function writeProject(name: string): Promise<string> {
  const project = path.join(folder, name);
  await mkdir(path.join(project, "inner"), { recursive: true });
  const build =
    '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n';
  // It would say so if anything ran it.
  const setup = `open(${JSON.stringify(path.join(folder, "ran"))}, "w")\n`;
  await writeFile(path.join(project, "setup.py"), setup);
  await writeFile(path.join(project, "inner/setup.py"), setup);
  await writeFile(
    path.join(project, "inner/pyproject.toml"),
    `[project]\nname = "inner"\nversion = "1"\ndependencies = ["base"]\n${build}`,
  );
  await writeFile(
    path.join(project, "pyproject.toml"),
    `[project]
name = "Whole.Thing"
version = "1"
requires-python = ">=3.11"
dependencies = ["tool", "secret", "inner", "windows-only; sys_platform == 'win32'"]
[project.optional-dependencies]
fancy = ["tool[fancy]"]
old = ["engine==1.0"]
new = ["engine==2.0"]
all = ["whole-thing[fancy]"]
[dependency-groups]
lint = ["lint"]
docs = ["docs", { include-group = "lint" }]
${build}
[tool.uv]
default-groups = ["lint"]
conflicts = [[{ extra = "old" }, { extra = "new" }]]
[tool.uv.sources]
secret = { index = "private" }
inner = { path = "inner", editable = true }
[[tool.uv.index]]
name = "private"
url = "${privateIndex.origin}/simple/"
explicit = true
`,
  );
  return project;
}

const choices: readonly (Partial<UvProjectChoice> & { readonly args: readonly string[] })[] = [
  { args: [] },
  { args: ["--no-default-groups"], defaultGroups: false },
  { args: ["--extra", "fancy", "--group", "docs"], extras: ["fancy"], groups: ["docs"] },
  { args: ["--extra", "old"], extras: ["old"] },
  { args: ["--extra", "new"], extras: ["new"] },
  { args: ["--extra", "all", "--no-default-groups"], extras: ["all"], defaultGroups: false },
];

function ours(
  project: string,
  python: string,
  choice: Partial<UvProjectChoice>,
): readonly string[] {
  const all = { installProject: false, extras: [], groups: [], defaultGroups: true, ...choice };
  const pyproject = path.join(project, "pyproject.toml");
  const { lock, selection } = readUvProject({ ...all, pyproject }, { root: project });
  const call = { lock, selection, digest: "", ignore: () => Object.assign(Object.create(null)) };
  const packages = projectPackages(call, { python, platform: "linux/amd64" });
  return packages.map(({ name, version }) => `${name}==${version}`).sort();
}

describe.each(["current", "older"])("a lock of the %s uv", (which) => {
  let project: string;
  beforeAll(async () => {
    project = await writeProject(which);
    await run(which === "older" ? olderUv : "uv", "lock", "--project", project);
  });

  test.each(choices)("with $args", async ({ args, ...choice }) => {
    const how = ["--frozen", "--dry-run", "--no-install-project", "--python", "3.11"];
    const said = await run("uv", "sync", ...how, "--project", project, ...args);
    // uv names a folder without its version.
    const rows = [...said.matchAll(/^ \+ (\S+)/gm)].map(([, row = ""]) => row);
    const theirs = rows.map((row) => (row === "inner" ? "inner==1" : row)).sort();
    expect(theirs.length).toBeGreaterThan(2);
    expect(ours(project, "3.11", choice)).toEqual(theirs);
  });

  test("on another Python, by its markers", () => {
    expect(ours(project, "3.11", {})).toContain("base==1.0");
    expect(ours(project, "3.12", {})).toContain("base==2.0");
  });

  test("a private name is that of its own index, with its hash", async () => {
    const pyproject = path.join(project, "pyproject.toml");
    const all = { installProject: false, extras: [], groups: [], defaultGroups: true };
    const { lock } = readUvProject({ ...all, pyproject }, { root: project });
    const [secret, ...others] = lock.packages.filter(({ name }) => name === "secret");
    expect(others).toEqual([]);
    expect(secret?.wheels[0]?.url).toContain(privateIndex.origin);
    expect(await readFile(lock.file, "utf8")).not.toContain("secret-9.0");
  });

  test("is as new as its project", () => {
    const pyproject = path.join(project, "pyproject.toml");
    const all = { installProject: false, extras: ["all"], groups: ["docs"], defaultGroups: true };
    checkFreshness(readUvProject({ ...all, pyproject }, { root: project }));
  });

  test("two that conflict are refused", () => {
    expect(() => ours(project, "3.11", { extras: ["old", "new"] })).toThrow(
      "exclude each other: extra new, extra old",
    );
  });

  test("another Python than it is for is refused", () => {
    expect(() => ours(project, "3.10", {})).toThrow("it is for Python >=3.11");
  });

  test("nothing of the project has run", async () => {
    await expect(access(path.join(folder, "ran"))).rejects.toThrow("ENOENT");
  });
});
