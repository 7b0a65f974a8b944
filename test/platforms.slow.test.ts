import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildEvent } from "../packages/lamella/src/engine/event.ts";
import type { BuildResult } from "../packages/lamella/src/engine/result.ts";
import { isIndex, parseManifest } from "../packages/lamella/src/oci/manifest.ts";
import { BytecodeCompiler, findCompiler } from "../packages/lamella/src/python/bytecode.ts";
import { output } from "../packages/lamella/testing/daemon.ts";
import { debianBase, startMirror } from "../packages/lamella/testing/debian-base.ts";
import { startDockerEngine } from "../packages/lamella/testing/docker-engine.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { registerEmulator, withoutEmulator } from "../packages/lamella/testing/emulator.ts";
import { lamella, lamellaCli, temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { build, createProject, type Project, tryBuild } from "./project.ts";
import { publishedImage } from "./published-image.ts";

// One image for two platforms: built on one machine without an emulator, then run, the other one through qemu.

const platforms = ["linux/amd64", "linux/arm64"] as const;

/** What `uname -m` says on each. */
const machines = [
  ["linux/amd64", "x86_64"],
  ["linux/arm64", "aarch64"],
] as const;

let registry: RunningRegistry;
let project: Project;
let events: readonly BuildEvent[];
let result: BuildResult;
let open: AsyncDisposableStack;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  registry = opening.use(await startMirror({ platforms }));
  project = opening.use(
    await createProject({
      mirror: registry.host,
      definition: definition("both", ["numpy", "requests"]),
      files: { "src/main.py": program },
    }),
  );
  // Where nothing for another platform can run: not in this process's children, whatever the machine has registered.
  const built = await tryBuild(project, [], {
    program: [...withoutEmulator, process.execPath, lamellaCli],
  });
  if (built.code !== 0) throw new Error(`lamella build ended with ${built.code}:\n${built.stderr}`);
  ({ events } = built);
  const last = events.at(-1);
  if (last?.kind !== "finished") throw new Error("The build has no result.");
  ({ result } = last);
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

function definition(name: string, packages: readonly string[]): string {
  const options = {
    pythonVersion: "3.11",
    installFlyte: false,
    registry: `${registry.host}/team`,
    name,
    platforms,
  };
  return `import { Image } from "lamella";
export default Image.fromDebianBase(${JSON.stringify(options)})
  .withPipPackages(...${JSON.stringify(packages)})
  .withEnvVars({ GREETING: "hello" })
  .withSourceFolder("./src", "/srv/app")
  .withWorkdir("/srv/app");
`;
}

/** numpy's linear algebra is machine code; requests is Python, with one package of machine code below it. */
const program = `
import json, os, platform, pwd, ssl
import numpy, requests, charset_normalizer

print(json.dumps({
    "machine": platform.machine(),
    "solved": numpy.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [3.0, 5.0]).tolist(),
    "versions": [numpy.__version__, requests.__version__, charset_normalizer.__version__],
    "bytecode": all(os.path.exists(module.__cached__) for module in (numpy, requests)),
    "authorities": len(ssl.create_default_context().get_ca_certs()) > 50,
    "greeting": os.environ["GREETING"],
    "user": pwd.getpwuid(os.getuid()).pw_name,
    "workdir": os.getcwd(),
}))
`;

function expectAsDefined(printed: string, machine: string): void {
  const [first] = plans();
  const version = (name: string): string | undefined =>
    first?.packages.find((one) => one.name === name)?.version;
  expect(JSON.parse(printed)).toEqual({
    machine,
    solved: [1.5, 1.25],
    versions: [version("numpy"), version("requests"), version("charset-normalizer")],
    bytecode: true,
    authorities: true,
    greeting: "hello",
    user: "flyte",
    workdir: "/srv/app",
  });
}

function plans(): Extract<BuildEvent, { kind: "planned" }>["plan"][] {
  return events.flatMap((event) => (event.kind === "planned" ? [event.plan] : []));
}

describe("the build, where no emulator is registered", () => {
  test("nothing for arm64 runs there", async () => {
    await using root = await unpackedArmBase();
    const [unshare, ...args] = withoutEmulator;
    const run = output(unshare, [...args, "chroot", root.path, "/bin/true"]);
    await expect(run).rejects.toThrow(/Exec format error/);
  });

  test("gives one index with a manifest for each platform, in their order", async () => {
    const response = await fetch(
      `http://${registry.host}/v2/team/both/manifests/${result.uri.split(":").at(-1)}`,
      { headers: { accept: "application/vnd.oci.image.index.v1+json" } },
    );
    expect(response.headers.get("docker-content-digest")).toBe(result.digest);
    const index = parseManifest(new Uint8Array(await response.arrayBuffer()));
    if (!isIndex(index)) throw new Error("The tag is no index.");
    expect(index.manifests.map(({ platform }) => platform)).toEqual(
      platforms.map((platform) => ({ os: "linux", architecture: platform.split("/")[1] })),
    );
    expect(index.manifests.map(({ digest }) => digest)).toEqual(
      result.platforms.map(({ digest }) => digest),
    );
  });

  test("has the same packages in the same versions for both", () => {
    const [amd64, arm64] = plans().map(({ packages }) =>
      packages.map(({ name, version }) => `${name} ${version}`),
    );
    expect(amd64).toContainEqual(expect.stringMatching(/^numpy /));
    expect(arm64).toEqual(amd64);
    expect(events.filter(({ kind }) => kind === "warning")).toEqual([]);
  });

  test("makes what is for any platform once: the layers are the same blobs", async () => {
    const [amd64, arm64] = await Promise.all(
      result.platforms.map(({ digest }) => publishedImage(`${registry.host}/team/both`, digest)),
    );
    const anyPlatform = new Set(
      plans()
        .flatMap(({ packages }) => packages)
        .filter(({ wheel }) => wheel.endsWith("-any.whl"))
        .map(({ name }) => name),
    );
    expect([...anyPlatform]).toEqual(expect.arrayContaining(["certifi", "idna", "requests"]));
    const layersOf = (image: typeof amd64, kinds: readonly string[], wanted: boolean): string[] =>
      (image?.layers ?? [])
        .filter(({ kind }) => kinds.includes(kind))
        .filter(({ packages }) => packages.every((name) => anyPlatform.has(name)) === wanted)
        .map(({ digest }) => digest);
    const kinds = ["wheels", "bytecode"];
    expect(layersOf(amd64, kinds, true).length).toBeGreaterThan(1);
    expect(layersOf(arm64, kinds, true)).toEqual(layersOf(amd64, kinds, true));
    // numpy and charset-normalizer, whose files are of their platform.
    const own = layersOf(amd64, ["wheels"], false);
    expect(own).toHaveLength(2);
    expect(layersOf(arm64, ["wheels"], false).some((digest) => own.includes(digest))).toBe(false);

    // Each step that both plans have was made for one platform, and taken over for the other.
    const [first, second] = plans();
    const both = first?.steps.filter(({ key }) => second?.steps.some((step) => step.key === key));
    expect(both?.map(({ title }) => title)).toContain("files in /srv/app");
    for (const { title } of both ?? []) {
      const made = result.platforms.flatMap(({ layers }) =>
        layers.flatMap((layer) => (layer.title === title ? [layer.source] : [])),
      );
      expect([title, made.toSorted()]).toEqual([title, ["built", "shared"]]);
    }
    const fetched = events.flatMap((event) =>
      event.kind === "task-started" && event.task.kind === "fetch" ? [event.task.name] : [],
    );
    expect(fetched.filter((name) => name.startsWith("idna "))).toHaveLength(1);
    expect(fetched.filter((name) => name.startsWith("numpy "))).toHaveLength(2);
  });
});

describe("bytecode", () => {
  test("is the same on arm64: compiled there, each file has the same bytes", async () => {
    await using root = await unpackedArmBase();
    const executable = join(root.path, "python-on-arm64");
    const command = `exec qemu-aarch64-static -L ${root.path} ${root.path}/usr/bin/python3.11 "$@"`;
    await writeFile(executable, `#!/bin/sh\n${command}\n`, { mode: 0o755 });
    const asking = "import platform; print(platform.python_version())";
    const version = (await output(executable, ["-c", asking])).trim();
    const compiler = await findCompiler({
      python: "3.11",
      preferred: version,
      env: process.env,
    });
    if (compiler?.version !== version) {
      throw new Error(`This machine has no Python ${version} to compare with.`);
    }
    const target = { python: "3.11", prefix: "/opt/venv", physicalPrefix: "opt/venv" };
    const wheels = plans()
      .flatMap(({ packages }) => packages)
      .filter(({ name }) => name === "numpy" || name === "requests" || name === "idna");
    let files = 0;
    for (const { digest, wheel } of wheels) {
      const path = join(project.store, "blobs/sha256", digest.slice("sha256:".length));
      const [here, there] = await Promise.all(
        [compiler, { ...compiler, executable }].map(async (one) => {
          await using running = new BytecodeCompiler(one, { workers: 1 });
          return await Array.fromAsync(running.compile({ path, filename: wheel }, target));
        }),
      );
      expect(there?.map((file) => file.path)).toEqual(here?.map((file) => file.path));
      for (const [index, file] of (here ?? []).entries()) {
        const same = Buffer.compare(file.bytes, there?.[index]?.bytes ?? Buffer.alloc(0)) === 0;
        expect([file.path, same]).toEqual([file.path, true]);
        files++;
      }
    }
    expect(files).toBeGreaterThan(500);
  });
});

describe("the image runs", () => {
  beforeAll(registerEmulator);

  test.each(machines)("for %s, by lamella run", async (platform, machine) => {
    const command = ["run", "image.ts", "--platform", platform, "--", "python", "main.py"];
    const ran = await lamella(command, {
      cwd: project.folder,
      env: { LAMELLA_HOME: project.store },
    });
    expect([ran.code, ran.stderr]).toEqual([0, expect.any(String)]);
    expectAsDefined(ran.stdout, machine);
  });

  test("for both, by Docker's engine", async () => {
    await using engine = await startDockerEngine();
    for (const [platform, machine] of machines) {
      await engine.docker("pull", "--quiet", "--platform", platform, result.uri);
      const options = ["--rm", "--network=host", "--platform", platform];
      expectAsDefined(
        await engine.docker("run", ...options, result.uri, "python", "main.py"),
        machine,
      );
    }
  });

  test("only through an emulator; without one, the error says how to get it", async () => {
    const ran = await lamella(["run", result.uri, "--platform", "linux/arm64", "--", "true"], {
      cwd: project.folder,
      env: { LAMELLA_HOME: project.store },
      program: [...withoutEmulator, process.execPath, lamellaCli],
    });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/Programs for linux\/arm64 do not run on this machine/);
    expect(ran.stderr).toMatch(/apt-get install qemu-user-static binfmt-support/);
  });

  test("an image for one platform is not taken for another", async () => {
    const only = `${registry.host}/team/both@${result.platforms[1]?.digest}`;
    const ran = await lamella(["run", only, "--", "true"], {
      cwd: project.folder,
      env: { LAMELLA_HOME: project.store },
    });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/is for linux\/arm64.*\n.*--platform linux\/arm64/);
  });
});

describe("a command of another platform", () => {
  test("runs through the emulator, and its layer is of that platform", async () => {
    await registerEmulator();
    await using commands = await createProject({
      mirror: registry.host,
      definition: definition("commands", []).replace(
        ".withEnvVars",
        `.withCommands("uname -m > /machine").withEnvVars`,
      ),
      files: { "src/main.py": "" },
    });
    const { platforms: built } = await build(commands);
    expect(built).toHaveLength(2);
    for (const [platform, machine] of machines) {
      const ran = await lamella(
        ["run", "image.ts", "--platform", platform, "--", "cat", "/machine"],
        { cwd: commands.folder, env: { LAMELLA_HOME: commands.store } },
      );
      expect([ran.code, ran.stdout]).toEqual([0, `${machine}\n`]);
    }
  });
});

describe("one resolution", () => {
  test("keeps the versions of the first platform for the second, and says which must differ", async () => {
    await using small = await createProject({
      mirror: registry.host,
      definition: definition("small", ["newer-on-arm", "older-on-arm"]),
      wheels: "wheels",
      files: { "src/main.py": "" },
    });
    const x86 = "cp311-cp311-manylinux_2_17_x86_64";
    const arm = "cp311-cp311-manylinux_2_17_aarch64";
    await mkdir(join(small.folder, "wheels"), { recursive: true });
    await writeTinyWheels(join(small.folder, "wheels"), [
      { name: "newer-on-arm", version: "1.0" },
      { name: "newer-on-arm", version: "2.0", tags: arm },
      { name: "older-on-arm", version: "1.0" },
      { name: "older-on-arm", version: "2.0", tags: x86 },
    ]);

    const { events: told } = await tryBuild(small);

    const packages = told.flatMap((event) =>
      event.kind === "planned"
        ? [event.plan.packages.map(({ name, version }) => `${name} ${version}`)]
        : [],
    );
    expect(packages).toEqual([
      ["newer-on-arm 1.0", "older-on-arm 2.0"],
      ["newer-on-arm 1.0", "older-on-arm 1.0"],
    ]);
    const warnings = told.filter(({ kind }) => kind === "warning");
    expect(warnings).toMatchObject([
      {
        code: "platforms-differ",
        message: "older-on-arm is 2.0 on linux/amd64 and 1.0 on linux/arm64.",
      },
    ]);
  });

  test("a lock holds both, and builds the same image again", async () => {
    const locked = await lamella(["lock", "image.ts"], {
      cwd: project.folder,
      env: { LAMELLA_HOME: project.store },
    });
    expect([locked.code, locked.stderr]).toEqual([0, ""]);
    const again = await build(project, ["--locked"]);
    const [before, after] = [result, again].map((one) =>
      one.platforms.map((platform) => platform.layers.map(({ digest }) => digest)),
    );
    expect(after).toEqual(before);
  });
});

/** The Debian base for arm64 as a folder. */
async function unpackedArmBase(): Promise<AsyncDisposable & { readonly path: string }> {
  await using unpacking = new AsyncDisposableStack();
  const { path } = unpacking.use(await temporaryFolder("lamella-arm64-"));
  const { store, image } = await debianBase({ python: true, platform: "linux/arm64" });
  await using _ = store;
  for (const { digest } of image.layers) {
    await output("tar", ["-C", path, "-xzf", store.blobs.path(digest)]);
  }
  const unpacked = unpacking.move();
  return { path, [Symbol.asyncDispose]: () => unpacked.disposeAsync() };
}
