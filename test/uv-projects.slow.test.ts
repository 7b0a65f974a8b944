import { access, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BuildEvent } from "../packages/lamella/src/engine/event.ts";
import { output } from "../packages/lamella/testing/daemon.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamella } from "../packages/lamella/testing/lamella.ts";
import { startAptMirror } from "./apt-mirror.ts";
import { lamellaEngine } from "./lamella-engine.ts";
import { buildByLock, createProject, debianImage, type Project, tryBuild } from "./project.ts";
import { executed } from "./tasks.ts";

// Projects as people have them, locked by the real uv, as images: what the lock says is installed, and nothing of a
// project runs on this machine.

let open: AsyncDisposableStack;
let registry: RunningRegistry;
let project: Project;
/** Where a package of the project tries to write to, if it runs on this machine. */
let outside: string;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  registry = opening.use(await startAptMirror());
  project = opening.use(await createProject({ mirror: registry.host, definition: "" }));
  outside = join(project.folder, "../written-by-a-build");
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

const names = (events: readonly BuildEvent[]): string[] => executed(events).map(({ name }) => name);

async function writeUvLock(folder: string): Promise<void> {
  await output("uv", ["lock", "--project", join(project.folder, folder)]);
}

async function buildWith(
  ...calls: readonly string[]
): Promise<{ events: readonly BuildEvent[]; uri: string }> {
  return await buildText(debianImage(registry.host, "projects", ...calls));
}

async function buildText(
  definition: string,
): Promise<{ events: readonly BuildEvent[]; uri: string }> {
  await project.write("image.ts", definition);
  const { code, stderr, events } = await tryBuild(project);
  expect(code, stderr).toBe(0);
  const last = events.at(-1);
  if (last?.kind !== "finished") throw new Error("The build did not finish.");
  return { events, uri: last.result.uri };
}

/** What is installed in the image's environment: names and versions. */
async function installed(uri: string): Promise<readonly string[]> {
  const script = `import importlib.metadata as m; print("\\n".join(sorted(f"{d.name.lower()}=={d.version}" for d in m.distributions(path=["/opt/venv/lib/python3.11/site-packages"]))))`;
  const said = await lamellaEngine(project).run(uri, ["python3", "-c", script]);
  return said.trim().split("\n");
}

/** What `uv sync` installs here of the same project. */
async function synced(folder: string, ...args: readonly string[]): Promise<readonly string[]> {
  const environment = join(project.folder, "../venv");
  await rm(environment, { recursive: true, force: true });
  const place = ["--python", "3.11", "--project", join(project.folder, folder)];
  await output("uv", ["sync", "--frozen", ...place, ...args], {
    ...process.env,
    UV_PROJECT_ENVIRONMENT: environment,
  });
  const listed = await output("uv", ["pip", "list", "--format=json", "--python", environment]);
  const rows = JSON.parse(listed) as readonly { readonly name: string; readonly version: string }[];
  return rows.map(({ name, version }) => `${name}==${version}`).sort();
}

test("one project: the packages of its lock, as uv installs them", async () => {
  await project.write(
    "app/pyproject.toml",
    `[project]
name = "app"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["six", "requests[socks]>=2,<3", "colorama; sys_platform == 'win32'"]
[project.optional-dependencies]
web = ["idna"]
old = ["packaging==23.2"]
[dependency-groups]
dev = ["iniconfig"]
docs = ["toml"]
`,
  );
  await writeUvLock("app");
  const { uri, events } = await buildWith('withUvProject("./app/pyproject.toml")');
  expect(await installed(uri)).toEqual(await synced("app", "--no-install-project"));
  expect(names(events)).toEqual([]);
  const options = { extras: ["old"], groups: ["docs"], defaultGroups: false };
  const other = await buildWith(
    `withUvProject("./app/pyproject.toml", ${JSON.stringify(options)})`,
  );
  const args = ["--no-install-project", "--no-default-groups", "--extra", "old", "--group", "docs"];
  const there = await installed(other.uri);
  expect(there).toEqual(await synced("app", ...args));
  expect(there).toContain("packaging==23.2");
  expect(there.join()).not.toContain("iniconfig");
});

/** A package with a module that says its name; `setup.py` says that it ran. */
async function writePackage(
  folder: string,
  name: string,
  options: {
    readonly dependencies?: readonly string[];
    readonly flat?: boolean;
    readonly more?: string;
  } = {},
): Promise<void> {
  const { dependencies = [], flat = false, more = "" } = options;
  await project.write(
    `${folder}/pyproject.toml`,
    `[project]
name = "${name}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ${JSON.stringify(dependencies)}
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
${more}`,
  );
  await project.write(`${folder}/${flat ? "" : "src/"}${name}/__init__.py`, `name = "${name}"\n`);
  // Only in a sandbox nothing of this machine is written to.
  await project.write(
    `${folder}/setup.py`,
    `from setuptools import setup\ntry:\n    open(${JSON.stringify(outside)}, "w")\nexcept OSError:\n    pass\nsetup()\n`,
  );
}

test("a workspace, siblings and an editable inside: all are built, each with what it needs", async () => {
  const workspace = "[tool.uv.workspace]\nmembers = ['packages/*']\n";
  const sources =
    "[tool.uv.sources]\nfirst = { workspace = true }\nsibling = { path = '../sibling', editable = true }\ninner = { path = 'inner', editable = true }\n";
  await writePackage("ws", "wholething", {
    dependencies: ["first", "sibling", "inner"],
    more: workspace + sources,
  });
  await writePackage("ws/packages/first", "first", {
    dependencies: ["second"],
    more: "[tool.uv.sources]\nsecond = { workspace = true }\n",
  });
  await writePackage("ws/packages/second", "second", { dependencies: ["idna"], flat: true });
  await writePackage("ws/packages/unused", "unused", { dependencies: ["toml"] });
  await writePackage("ws/inner", "inner", { flat: true });
  await writePackage("sibling", "sibling", { dependencies: ["six"] });
  await writeUvLock("ws");
  await rm(outside, { force: true });
  const { uri, events } = await buildWith('withUvProject("./ws/pyproject.toml")');
  await expect(access(outside)).rejects.toThrow("ENOENT");
  expect(
    names(events)
      .filter((name) => name.startsWith("build "))
      .toSorted(),
  ).toEqual(["build first", "build inner", "build second", "build sibling"]);
  const there = await installed(uri);
  // It builds on this machine, and leaves what it did in the project, which decides nothing.
  expect(there).toEqual(await synced("ws", "--no-install-project"));
  await rm(outside);
  expect(there.map((row) => row.split("==")[0])).toEqual([
    "first",
    "idna",
    "inner",
    "second",
    "sibling",
    "six",
  ]);
  const script =
    "import first, second, sibling, inner; print(first.name, second.name, sibling.name, inner.name)";
  const said = await lamellaEngine(project).run(uri, ["python3", "-c", script]);
  expect(said.trim()).toBe("first second sibling inner");

  // What is not needed decides nothing.
  await project.write("ws/packages/unused/src/unused/__init__.py", "changed = True\n");
  await project.write("ws/src/wholething/__init__.py", "changed = True\n");
  expect((await buildWith('withUvProject("./ws/pyproject.toml")')).uri).toBe(uri);
  await project.write("sibling/src/sibling/__init__.py", 'name = "changed"\n');
  const changed = await buildWith('withUvProject("./ws/pyproject.toml")');
  expect(changed.uri).not.toBe(uri);
  expect(names(changed.events)).toEqual(["build sibling"]);

  const whole = await buildWith(
    'withUvProject("./ws/pyproject.toml", { projectInstallMode: "install_project" })',
  );
  expect(names(whole.events)).toEqual(["build ws"]);
  expect(await installed(whole.uri)).toContain("wholething==0.1.0");

  // A member alone, with the lock of its workspace; and packages beside.
  const member = await buildWith(
    'withUvProject("./ws/packages/first/pyproject.toml", { projectInstallMode: "install_project" })',
    'withPipPackages("idna", "iniconfig")',
  );
  expect((await installed(member.uri)).map((row) => row.split("==")[0])).toEqual([
    "first",
    "idna",
    "iniconfig",
    "second",
  ]);
  expect(await installed(await buildByLock(project, "projects"))).toEqual(
    await installed(member.uri),
  );
  await expect(access(outside)).rejects.toThrow("ENOENT");
});

test("a lock that is older than its project is refused", async () => {
  await writePackage("late", "late", { dependencies: ["six"] });
  await writeUvLock("late");
  await writePackage("late", "late", { dependencies: ["six>=1.10"] });
  await project.write(
    "image.ts",
    debianImage(registry.host, "late", 'withUvProject("./late/pyproject.toml")'),
  );
  const { code, stderr } = await lamella(["build", "image.ts"], {
    cwd: project.folder,
    env: { LAMELLA_HOME: project.store },
  });
  expect(code).toBe(1);
  expect(stderr).toContain("asks for six>=1.10, which it does not know");
  expect(stderr).toContain("uv lock");
});

test("a script: what it asks for, and then what its lock says", async () => {
  const asked = 'requires-python = "==3.11.*"\n# dependencies = ["six<1.17", "packaging==23.2"]';
  await project.write("script.py", `# /// script\n# ${asked}\n# ///\nimport six\n`);
  const options = { installFlyte: false, registry: registry.host, name: "script" };
  const image = `Image.fromUvScript("./script.py", ${JSON.stringify(options)})`;
  const definition = `import { Image } from "lamella";\nexport default ${image}.withSourceFile("./script.py");\n`;
  const free = await buildText(definition);
  expect(await installed(free.uri)).toEqual(["packaging==23.2", "six==1.16.0"]);
  await output("uv", ["lock", "--script", join(project.folder, "script.py"), "--upgrade"]);
  const locked = await buildText(definition);
  expect(locked.uri).not.toBe(free.uri);
  expect(await installed(locked.uri)).toEqual(["packaging==23.2", "six==1.16.0"]);
  await lamellaEngine(project).run(locked.uri, ["python3", "script.py"]);
});
