import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findUv } from "../packages/lamella/src/python/uv.ts";
import { Store } from "../packages/lamella/src/store/store.ts";
import type { ContainerEngine } from "../packages/lamella/testing/container-engine.ts";
import { startContainerd } from "../packages/lamella/testing/containerd.ts";
import { output } from "../packages/lamella/testing/daemon.ts";
import { pushDebianBase } from "../packages/lamella/testing/debian-base.ts";
import {
  type RunningDockerEngine,
  startDockerEngine,
} from "../packages/lamella/testing/docker-engine.ts";
import { startRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { type Inventory, takeInventory } from "./inventory.ts";
import { lamellaEngine } from "./lamella-engine.ts";
import { createProject, tryBuild } from "./project.ts";

// A base that people have: Docker made it, and its virtual environment has a numpy that pip or uv installed. An image
// wants a newer one, gets it whole, and has nothing of the old one.

const older = "numpy==1.26.4";
const newer = "numpy==2.2.6";
const neighbour = "six==1.16.0";

const installers = ["pip", "uv"] as const;
type Installer = (typeof installers)[number];
const engineNames = ["Docker's engine", "containerd", "lamella run"] as const;
type EngineName = (typeof engineNames)[number];

/** Where containers see the wheels and uv. */
const mounted = "/mnt";
const offline = `--no-index --find-links ${mounted}/wheels`;
const uvInstall = `${mounted}/uv pip install --quiet --offline --no-cache --python /opt/venv ${offline}`;

const environments: Readonly<Record<Installer, string>> = {
  pip: `python3 -m venv /opt/venv && /opt/venv/bin/pip install --quiet ${offline} ${neighbour}`,
  uv: `${mounted}/uv venv --quiet --offline --python /usr/bin/python3 /opt/venv && ${uvInstall} ${neighbour}`,
};
const olderInstalled: Readonly<Record<Installer, string>> = {
  pip: `/opt/venv/bin/pip install --quiet ${offline} ${older}`,
  uv: `${uvInstall} --compile-bytecode ${older}`,
};

let engines: Readonly<Record<EngineName, ContainerEngine>>;
let bases: Readonly<Record<Installer, OldBase>>;
/** References of what is built on them. */
let images: Readonly<Record<Installer, string>>;
let open: AsyncDisposableStack;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  const { path: tools } = opening.use(await temporaryFolder());
  await fillTools(tools);
  const registry = opening.use(await startRegistry());
  const debian = await pushDebianBase(registry.host, { python: true });
  const docker = opening.use(await startDockerEngine());
  await docker.pull(debian);
  const maker = { docker, debian, tools, registry: registry.host };
  const made = { pip: makeBase(maker, "pip"), uv: makeBase(maker, "uv") };
  bases = { pip: await made.pip, uv: await made.uv };
  const project = opening.use(
    await createProject({
      mirror: registry.host,
      definition: definition(registry.host),
      wheels: join(tools, "wheels"),
    }),
  );
  const { code, events, stderr } = await tryBuild(project);
  if (code !== 0) throw new Error(`lamella build ended with code ${code}:\n${stderr}`);
  // Exports are built in the order of their names.
  const [pip = "", uv = ""] = events.flatMap((event) =>
    event.kind === "finished" ? [event.result.uri] : [],
  );
  images = { pip, uv };
  engines = {
    "Docker's engine": docker,
    containerd: opening.use(await startContainerd()),
    "lamella run": lamellaEngine(project),
  };
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

/** Puts wheels and uv into a folder that containers can use without a network. */
async function fillTools(folder: string): Promise<void> {
  await using scratch = await temporaryFolder();
  // Debian's Python has no pip; its environments do.
  const environment = join(scratch.path, "environment");
  await output("python3", ["-m", "venv", environment]);
  const wheels = join(folder, "wheels");
  for (const requirements of [[older, neighbour], [newer]]) {
    const which = ["--no-deps", "--only-binary=:all:", "--python-version=3.11"];
    const pip = join(environment, "bin/pip");
    await output(pip, ["download", "--quiet", ...which, "--dest", wheels, ...requirements]);
  }
  await mkdir(join(scratch.path, "store"));
  await using store = await Store.open(join(scratch.path, "store"));
  await copyFile(await findUv({ store, env: process.env }), join(folder, "uv"));
}

interface Maker {
  readonly docker: RunningDockerEngine;
  readonly debian: string;
  readonly tools: string;
  readonly registry: string;
}

interface OldBase {
  /** Its /opt/venv. */
  readonly before: Inventory;
  /** /opt/venv as it would be had it only ever had the newer numpy: the oracle. */
  readonly fresh: Inventory;
}

/** Makes a base in the way of Dockerfiles: commands in a container, whose changes become a layer; and pushes it. */
async function makeBase(maker: Maker, installer: Installer): Promise<OldBase> {
  const { docker, debian, tools, registry } = maker;
  const reference = `${registry}/acme/${installer}`;
  const script = `${environments[installer]} && ${olderInstalled[installer]}`;
  const options = ["--name", installer, "--network=none", `--volume=${tools}:${mounted}:ro`];
  await docker.docker("run", ...options, debian, "sh", "-c", script);
  await docker.docker("commit", "--change=ENV VIRTUAL_ENV=/opt/venv", installer, reference);
  await docker.docker("rm", installer);
  await docker.docker("push", "--quiet", reference);
  const before = await takeInventory(docker, reference, "/opt/venv");
  const fresh = await freshInventory(maker, installer);
  // uv's own, unless the base has it: a file that it locks, and one that tells when it installed.
  const isOfUv = /\/(?:\.lock|uv_cache\.json)$/;
  return {
    before,
    fresh: new Map([...fresh].filter(([path]) => before.has(path) || !isOfUv.test(path))),
  };
}

/** /opt/venv into which uv has installed the newer numpy, and compiled it. */
function freshInventory(
  { docker, debian, tools }: Maker,
  installer: Installer,
): Promise<Inventory> {
  const script = `${environments[installer]} && ${uvInstall} --compile-bytecode ${newer}`;
  const options = ["--rm", "--network=none", `--volume=${tools}:${mounted}:ro`];
  const engine: ContainerEngine = {
    ...docker,
    run: (image, command) =>
      docker.docker("run", ...options, image, "sh", "-c", `${script} && "$@"`, "sh", ...command),
  };
  return takeInventory(engine, debian, "/opt/venv");
}

function definition(host: string): string {
  const image = (installer: Installer): string =>
    `export const over_${installer} = Image.fromBase("acme/${installer}", {
  registry: "${host}/built",
  name: "${installer}",
  pythonVersion: "3.11",
}).withPipPackages("${newer}");
`;
  return `import { Image } from "lamella";\n${installers.map(image).join("")}`;
}

function ofNumpy(path: string): boolean {
  return /\/(?:numpy|numpy\.libs|numpy-[^/]+\.dist-info|f2py|numpy-config)(?:\/|$)/.test(path);
}

/** All but the bytecode of numpy's suites of tests, which Lamella does not make. */
function isMade(path: string): boolean {
  return !(ofNumpy(path) && /\/tests\/(?:.+\/)?__pycache__(?:\/|$)/.test(path));
}

/** Those entries whose content is as uv writes it: without bytecode, and what says who installed it. */
function sources(inventory: Inventory): Record<string, string> {
  const differs = /\.pyc$|\.dist-info\/(?:INSTALLER|RECORD)$/;
  return Object.fromEntries(
    [...inventory].filter(([path]) => ofNumpy(path) && isMade(path) && !differs.test(path)),
  );
}

function neighbours(inventory: Inventory): Record<string, string> {
  return Object.fromEntries([...inventory].filter(([path]) => !ofNumpy(path)));
}

function names(inventory: Inventory): string[] {
  return [...inventory.keys()].sort();
}

describe.each(installers)("a numpy that %s installed", (installer) => {
  test("is there in the base, with bytecode, and has files that the newer one has not", () => {
    const paths = names(bases[installer].before);
    expect(paths.filter((path) => /numpy\/.*\.pyc$/.test(path)).length).toBeGreaterThan(100);
    const gone = paths.filter((path) => ofNumpy(path) && !bases[installer].fresh.has(path));
    expect(gone.length).toBeGreaterThan(100);
  });

  test.each(engineNames)("gives place to the newer one, which is whole in %s", async (name) => {
    const engine = engines[name];
    await engine.pull(images[installer]);

    const after = await takeInventory(engine, images[installer], "/opt/venv");

    expect(names(after)).toEqual(names(bases[installer].fresh).filter(isMade));
    expect(sources(after)).toEqual(sources(bases[installer].fresh));
    expect(neighbours(after)).toEqual(neighbours(bases[installer].before));

    const program = await readFile(join(import.meta.dirname, "installed-package.py"), "utf8");
    const printed = await engine.run(images[installer], ["python", "-c", program, "numpy"]);
    const { compiled, ...found } = JSON.parse(printed) as Record<string, unknown>;
    expect(found).toEqual({
      version: newer.slice("numpy==".length),
      "unlike RECORD": [],
      "stale bytecode": [],
    });
    expect(compiled).toBeGreaterThan(100);
  });
});
