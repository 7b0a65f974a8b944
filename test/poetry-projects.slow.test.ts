import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { output } from "../packages/lamella/testing/daemon.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { startAptMirror } from "./apt-mirror.ts";
import { lamellaEngine } from "./lamella-engine.ts";
import { buildByLock, createProject, debianImage, type Project, tryBuild } from "./project.ts";

// A project that the real Poetry has locked, as an image.

let open: AsyncDisposableStack;
let registry: RunningRegistry;
let project: Project;
let poetry: string;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  registry = opening.use(await startAptMirror());
  project = opening.use(await createProject({ mirror: registry.host, definition: "" }));
  const tool = join(project.folder, "../poetry");
  await output("uv", ["venv", "--python", "3.11", tool]);
  await output("uv", ["pip", "install", "--python", tool, "poetry>=2.1"]);
  poetry = join(tool, "bin/poetry");
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

async function runPoetry(...args: readonly string[]): Promise<string> {
  const environment = { POETRY_VIRTUALENVS_PATH: join(project.folder, "../environments") };
  const where = ["-C", join(project.folder, "app")];
  return await output(poetry, [...args, ...where], { ...process.env, ...environment });
}

/** The index that uv asks here: Poetry would ask what only the public one answers. */
async function index(): Promise<string> {
  const text =
    '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["six"]\n';
  await project.write("index/pyproject.toml", text);
  await output("uv", ["lock", "--project", join(project.folder, "index")]);
  const lock = await readFile(join(project.folder, "index/uv.lock"), "utf8");
  return /registry = "([^"]+)"/.exec(lock)?.[1] ?? "";
}

/** The part of a `pyproject.toml` that makes a package. */
function backend(name: string, text: string): string {
  return `[project]\nname = "${name}"\nversion = "0.1.0"\n${text}[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n`;
}

async function build(call: string): Promise<string> {
  await project.write("image.ts", debianImage(registry.host, "poetry", call));
  const { code, stderr, events } = await tryBuild(project);
  expect(code, stderr).toBe(0);
  const last = events.at(-1);
  if (last?.kind !== "finished") throw new Error("The build did not finish.");
  return last.result.uri;
}

async function installed(uri: string): Promise<readonly string[]> {
  const script = `import importlib.metadata as m; print("\\n".join(sorted(f"{d.name.lower()} {d.version}" for d in m.distributions(path=["/opt/venv/lib/python3.11/site-packages"]))))`;
  const said = await lamellaEngine(project).run(uri, ["python3", "-c", script]);
  return said.trim().split("\n");
}

/** What Poetry would install here. */
async function wanted(...args: readonly string[]): Promise<readonly string[]> {
  const said = await runPoetry("install", "--dry-run", "--no-ansi", ...args);
  const rows = [...said.matchAll(/Installing (\S+) \(([^\s)]+)(?: [^)\n]*)?\)(?!: Skipped)/g)];
  return rows.map(([, name, version]) => `${name} ${version}`).sort();
}

test("the packages of its lock, a folder that it depends on, and itself", async () => {
  const source = `[[tool.poetry.source]]\nname = "machine"\nurl = "${await index()}"\npriority = "primary"\n`;
  const outside = join(project.folder, "../written-by-a-build");
  const setup = `from setuptools import setup\ntry:\n    open(${JSON.stringify(outside)}, "w")\nexcept OSError:\n    pass\nsetup()\n`;
  await project.write("lib/pyproject.toml", backend("lib", 'dependencies = ["idna"]\n'));
  await project.write("lib/lib/__init__.py", "");
  await project.write(
    "app/pyproject.toml",
    `${backend("app", `requires-python = ">=3.11,<3.13"\ndependencies = ["six", "lib", "colorama; sys_platform == 'win32'"]\noptional-dependencies = { old = ["packaging==23.2"] }\n`)}
[tool.poetry.dependencies]
lib = { path = "../lib", develop = true }
[tool.poetry.group.dev.dependencies]
iniconfig = "*"
[tool.poetry.group.docs]
optional = true
[tool.poetry.group.docs.dependencies]
toml = "*"
${source}`,
  );
  await project.write("app/src/app/__init__.py", 'name = "app"\n');
  await runPoetry("lock");
  await project.write("lib/setup.py", setup);
  await project.write("app/setup.py", setup);
  const uri = await build('withPoetryProject("./app/pyproject.toml")');
  const first = await installed(uri);
  expect(first).toEqual(await wanted("--no-root"));
  expect(first.map((row) => row.split(" ")[0])).toEqual(["idna", "iniconfig", "lib", "six"]);
  const options = {
    projectInstallMode: "install_project",
    extras: ["old"],
    groups: ["docs"],
    defaultGroups: false,
  };
  const all = await build(`withPoetryProject("./app/pyproject.toml", ${JSON.stringify(options)})`);
  const there = await installed(all);
  expect(there).toEqual(
    [...(await wanted("--no-root", "-E", "old", "--only", "main,docs")), "app 0.1.0"].sort(),
  );
  expect(there).toContain("packaging 23.2");
  const said = await lamellaEngine(project).run(all, [
    "python3",
    "-c",
    "import app; print(app.name)",
  ]);
  expect(said.trim()).toBe("app");
  expect(await installed(await buildByLock(project, "poetry"))).toEqual(there);
  await expect(access(outside)).rejects.toThrow("ENOENT");
});
