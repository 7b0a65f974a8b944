import { access, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BuildEvent } from "../packages/lamella/src/engine/event.ts";
import { output } from "../packages/lamella/testing/daemon.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamella, temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { startWheelIndex } from "../packages/lamella/testing/wheel-index.ts";
import { startAptMirror } from "./apt-mirror.ts";
import { lamellaEngine } from "./lamella-engine.ts";
import { build, createProject, debianImage, type Project, tryBuild } from "./project.ts";
import { executed } from "./tasks.ts";

// Packages that are published as source only become wheels in a sandbox: nothing of them runs on this machine, and the
// compiler stays out of the image.

let open: AsyncDisposableStack;
let registry: RunningRegistry;
let project: Project;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  registry = opening.use(await startAptMirror());
  const packages = ["docopt==0.6.2", "antlr4-python3-runtime==4.9.3", "crcmod==1.7", "six"];
  project = opening.use(
    await createProject({
      mirror: registry.host,
      definition: debianImage(
        registry.host,
        "sources",
        `withPipPackages(${packages.map((one) => JSON.stringify(one)).join(", ")})`,
      ),
    }),
  );
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

const names = (events: readonly BuildEvent[]): string[] => executed(events).map(({ name }) => name);

test("real packages without wheels, one of them in C", async () => {
  const { code, events, stderr } = await tryBuild(project);
  expect(code, stderr).toBe(0);
  const [compiler, uv, ...builds] = names(events);
  expect(compiler).toContain("build-essential");
  expect(uv).toContain("without wheels");
  expect(builds.toSorted()).toEqual([
    "build antlr4-python3-runtime 4.9.3",
    "build crcmod 1.7",
    "build docopt 0.6.2",
  ]);
  const last = events.at(-1);
  if (last?.kind !== "finished") throw new Error("The build did not finish.");
  const script = [
    "import docopt, antlr4, six, crcmod._crcfunext, shutil, importlib.metadata as m",
    "print(docopt.__version__, m.version('antlr4-python3-runtime'), crcmod._crcfunext.__file__.endswith('.so'))",
    "print(shutil.which('cc'), shutil.which('uv'))",
    "print(m.distribution('docopt').read_text('direct_url.json'))",
  ].join("\n");
  const said = await lamellaEngine(project).run(last.result.uri, ["python3", "-c", script]);
  const [versions, programs, direct] = said.trim().split("\n");
  expect(versions).toBe("0.6.2 4.9.3 True");
  expect(programs).toBe("None None");
  expect(direct).toBe("None");
});

test("what was built is not built again", async () => {
  const { code, events, stderr } = await tryBuild(project, ["--force"]);
  expect(code, stderr).toBe(0);
  expect(names(events)).toEqual([]);
});

test("what is added is built alone", async () => {
  await project.write(
    "image.ts",
    debianImage(registry.host, "sources", 'withPipPackages("docopt==0.6.2", "odfpy==1.4.1")'),
  );
  const { code, events, stderr } = await tryBuild(project);
  expect(code, stderr).toBe(0);
  expect(names(events).filter((name) => name.startsWith("build "))).toEqual(["build odfpy 1.4.1"]);
});

test("a lock has the sources, and a build by it their wheels", async () => {
  const { code, stderr } = await lamella(["lock", "image.ts"], {
    cwd: project.folder,
    env: { LAMELLA_HOME: project.store },
  });
  expect(code, stderr).toBe(0);
  const path = join(project.folder, "pylock.sources.toml");
  expect(await readFile(path, "utf8")).toMatch(/\[packages.sdist\]\nname = "docopt-0.6.2.tar.gz"/);
  const locked = await tryBuild(project, ["--locked"]);
  expect(locked.code, locked.stderr).toBe(0);
  expect(names(locked.events)).toEqual([]);
  await rm(path);
});

test("a package of which no wheel is to be taken", async () => {
  await project.write("requirements.txt", "--no-binary six\nsix==1.17.0\nidna==3.10\n");
  await project.write(
    "image.ts",
    debianImage(registry.host, "no-binary", 'withRequirements("requirements.txt")'),
  );
  const { code, events, stderr } = await tryBuild(project);
  expect(code, stderr).toBe(0);
  expect(names(events).slice(-2)).toEqual(["uv, for packages without wheels", "build six 1.17.0"]);
});

test("a build finds the Debian packages below it", async () => {
  await project.write(
    "image.ts",
    debianImage(
      registry.host,
      "sources",
      'withAptPackages("libpq-dev")',
      'withPipPackages("psycopg2==2.9.10")',
    ),
  );
  const { code, events, stderr } = await tryBuild(project);
  expect(code, stderr).toBe(0);
  expect(names(events).at(-1)).toBe("build psycopg2 2.9.10");
  // It cannot be resolved before, and nothing has failed.
  expect(events.filter(({ kind }) => kind === "task-failed")).toEqual([]);
  const last = events.at(-1);
  if (last?.kind !== "finished") throw new Error("The build did not finish.");
  const look = "import psycopg2; print(psycopg2.__libpq_version__ > 150000)";
  const said = await lamellaEngine(project).run(last.result.uri, ["python3", "-c", look]);
  expect(said).toBe("True\n");
});

/** An index with a package whose build writes what it can reach, and then gives a wheel. */
async function evilIndex(folder: string, backend: string): Promise<string> {
  const tree = join(folder, "evil-1.0");
  await output("mkdir", ["-p", tree, join(folder, "index")]);
  await writeFile(join(tree, "backend.py"), backend);
  await writeFile(
    join(tree, "pyproject.toml"),
    '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
  );
  await writeFile(join(tree, "PKG-INFO"), "Metadata-Version: 1.0\nName: evil\nVersion: 1.0\n");
  const sdist = join(folder, "index", "evil-1.0.tar.gz");
  await output("tar", ["-C", folder, "-czf", sdist, "evil-1.0"]);
  return join(folder, "index");
}

/** A build backend: runs some lines first, and makes a wheel with a module in it. */
const backend = (lines: readonly string[]): string =>
  [
    "import os, zipfile",
    ...lines,
    "def build_wheel(directory, config_settings=None, metadata_directory=None):",
    "    name = 'evil-1.0-py3-none-any.whl'",
    "    with zipfile.ZipFile(os.path.join(directory, name), 'w') as z:",
    "        z.writestr('evil.py', 'ran = True\\n')",
    "        z.writestr('evil-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: evil\\nVersion: 1.0\\n')",
    "        z.writestr('evil-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')",
    "        z.writestr('evil-1.0.dist-info/RECORD', 'evil.py,,\\nevil-1.0.dist-info/METADATA,,\\nevil-1.0.dist-info/WHEEL,,\\nevil-1.0.dist-info/RECORD,,\\n')",
    "    return name",
    "",
  ].join("\n");

test("nothing of a package runs on this machine", async () => {
  await using folder = await temporaryFolder("lamella-evil-");
  const written = join(folder.path, "written");
  const lines = [written, join(project.store, "written"), "/etc/lamella-evil"].flatMap((path) => [
    `os.makedirs(os.path.dirname(${JSON.stringify(path)}), exist_ok=True)`,
    `open(${JSON.stringify(path)}, 'w').write('ran')`,
  ]);
  // Also into the image's own root filesystem, and a start of every Python in it.
  lines.push(
    "open('/usr/lib/python3/dist-packages/evil-start.pth', 'w').write('import os')",
    "print('the backend runs')",
  );
  const index = await evilIndex(folder.path, backend(lines));
  await using server = await startWheelIndex(index);
  await using evil = await createProject({
    mirror: registry.host,
    indexUrl: `${server.origin}/simple/`,
    definition: debianImage(registry.host, "evil", 'withPipPackages("evil")'),
  });
  const { uri } = await build({ ...evil, store: project.store });
  for (const path of [written, join(project.store, "written"), "/etc/lamella-evil"]) {
    await expect(access(path)).rejects.toThrow("ENOENT");
  }
  const engine = lamellaEngine({ folder: evil.folder, store: project.store });
  const look =
    "import evil, os; print(evil.ran, os.path.exists('/etc/lamella-evil'), os.listdir('/usr/lib/python3/dist-packages'))";
  expect(await engine.run(uri, ["python3", "-c", look])).toMatch(/^True False (?!.*evil)/);
});

test("a build that fails is an error with its last words, and leaves nothing", async () => {
  await using folder = await temporaryFolder("lamella-evil-");
  const index = await evilIndex(folder.path, "raise RuntimeError('no such luck')\n");
  await using server = await startWheelIndex(index);
  await using evil = await createProject({
    mirror: registry.host,
    indexUrl: `${server.origin}/simple/`,
    definition: debianImage(registry.host, "broken", 'withPipPackages("evil")'),
  });
  const { code, stderr } = await tryBuild({ ...evil, store: project.store });
  expect(code).not.toBe(0);
  expect(stderr).toContain("evil");
  expect(stderr).toContain("no such luck");
  expect(await readdir(join(project.store, "sessions"))).toEqual([]);
});
