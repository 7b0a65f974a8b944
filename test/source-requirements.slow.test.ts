import { access, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildEvent } from "../packages/lamella/src/engine/event.ts";
import { output } from "../packages/lamella/testing/daemon.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import {
  createRepository,
  startGitServer,
  type TestRepository,
} from "../packages/lamella/testing/git-server.ts";
import type { RunningHttpServer } from "../packages/lamella/testing/http-server.ts";
import { lamella, temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { startWheelIndex } from "../packages/lamella/testing/wheel-index.ts";
import { startAptMirror } from "./apt-mirror.ts";
import { lamellaEngine } from "./lamella-engine.ts";
import {
  type BuildAttempt,
  build,
  createProject,
  debianImage,
  type Project,
  tryBuild,
} from "./project.ts";
import { executed } from "./tasks.ts";

// Requirements that name a repository, a folder or an archive: each is built in the sandbox, what it is exactly is in the
// image, and neither this machine nor a secret is anywhere.

/** As no other text has it, with characters that are encoded in a URL. */
const token = "t0ken/of+nobody&else=%20";

let open: AsyncDisposableStack;
let registry: RunningRegistry;
let server: RunningHttpServer;
let repository: TestRepository;
/** Where every backend tries to write to, if it runs on this machine. */
let outside: string;
let project: Project;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  registry = opening.use(await startAptMirror());
  const { path } = opening.use(await temporaryFolder("lamella-sources-"));
  outside = join(path, "written-by-a-build");
  await mkdir(join(path, "served"));
  server = opening.use(
    await startGitServer(join(path, "served"), { credentials: { user: token, password: "" } }),
  );
  repository = await createRepository(join(path, "served"), "secretive", join(path, "worktree"));
  project = opening.use(await createProject({ mirror: registry.host, definition: "" }));
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

/** A project whose backend, which needs nothing to be built, first writes a file outside. */
async function writeSource(folder: string, name: string, version: string): Promise<void> {
  const info = `${name}-${version}.dist-info`;
  const files: Readonly<Record<string, string>> = {
    [`${name}.py`]: `version = "${version}"\n`,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    [`${info}/WHEEL`]:
      "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
  };
  const record = [...Object.keys(files), `${info}/RECORD`].map((path) => `${path},,\n`).join("");
  const backend = [
    "import os, zipfile",
    `os.makedirs(os.path.dirname(${JSON.stringify(outside)}), exist_ok=True)`,
    `open(${JSON.stringify(outside)}, 'w').write('ran')`,
    // A build sees no secret, in its own variables or in those of another process.
    "seen = ''.join(open(f'/proc/{p}/environ', errors='replace').read() for p in os.listdir('/proc') if p.isdigit())",
    "assert 'TOKEN=' not in seen and 'TOKEN' not in os.environ",
    "def build_wheel(directory, config_settings=None, metadata_directory=None):",
    "    open('left-by-the-build', 'w').write('x')",
    `    name = '${name}-${version}-py3-none-any.whl'`,
    `    files = ${JSON.stringify({ ...files, [`${info}/RECORD`]: record })}`,
    "    with zipfile.ZipFile(os.path.join(directory, name), 'w') as z:",
    "        for path, text in files.items(): z.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)",
    "    return name",
    "",
  ];
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "backend.py"), backend.join("\n"));
  await writeFile(
    join(folder, "pyproject.toml"),
    '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
  );
}

const names = (events: readonly BuildEvent[]): string[] => executed(events).map(({ name }) => name);

/** Of the image that a build made. */
const digestOf = (events: readonly BuildEvent[]): unknown => {
  const last = events.at(-1);
  return last?.kind === "finished" ? last.result.digest : undefined;
};

/** Builds an image of the project with some calls, which must succeed. */
async function buildWith(
  calls: readonly string[],
  args: readonly string[] = [],
): Promise<BuildAttempt & { readonly uri: string }> {
  await project.write("image.ts", debianImage(registry.host, "sources", ...calls));
  const attempt = await tryBuild(project, args, { env: { TOKEN: token } });
  expect(attempt.code, attempt.stderr).toBe(0);
  const last = attempt.events.at(-1);
  if (last?.kind !== "finished") throw new Error("The build did not finish.");
  return { ...attempt, uri: last.result.uri };
}

/** The module's version, and what the image says of where the package is from. */
async function installed(uri: string, name: string): Promise<{ version: string; direct: unknown }> {
  const script = `import ${name}, importlib.metadata as m; print(${name}.version); print(m.distribution("${name}").read_text("direct_url.json"))`;
  const said = await lamellaEngine(project).run(uri, ["python3", "-c", script]);
  const [version = "", direct = ""] = said.trim().split("\n");
  return { version, direct: JSON.parse(direct) };
}

async function expectNothingOutside(): Promise<void> {
  await expect(access(outside)).rejects.toThrow("ENOENT");
}

/** Files below a folder that have a trace of the token. */
async function tracesBelow(folder: string): Promise<string[]> {
  const traces = [
    token,
    encodeURIComponent(token),
    Buffer.from(token).toString("base64").slice(0, -2),
    Buffer.from(`${token}:`).toString("base64").slice(0, -2),
  ];
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const texts = [bytes, ...(isGzip ? [gunzipSync(bytes)] : [])].map((one) =>
      one.toString("latin1"),
    );
    if (traces.some((trace) => texts.some((text) => text.includes(trace)))) found.push(path);
  }
  return found;
}

/** The private repository at a reference (`@main`). */
const address = (reference: string): string =>
  `git+${server.origin.replace("://", "://$TOKEN@")}/secretive.git${reference}`;
const call = (requirement: string): string =>
  `withPipPackages(${JSON.stringify(requirement)}, { secretMounts: "TOKEN" })`;

describe("a private repository", () => {
  let first: string;

  test("is fetched with a secret and built, and its commit is in the image", async () => {
    await writeSource(repository.worktree, "secretive", "1.0");
    first = await repository.commit("one", "v1.0");
    const { uri, events, stderr } = await buildWith([call(`secretive @ ${address("@v1.0")}`)]);
    expect(names(events).slice(-2)).toEqual([
      `fetch ${server.origin}/secretive.git`,
      `build git+${server.origin}/secretive.git at ${first.slice(0, 12)}`,
    ]);
    expect(await installed(uri, "secretive")).toEqual({
      version: "1.0",
      direct: {
        url: `${server.origin}/secretive.git`,
        vcs_info: { vcs: "git", requested_revision: "v1.0", commit_id: first },
      },
    });
    await expectNothingOutside();
    expect(await tracesBelow(project.store)).toEqual([]);
    expect(await tracesBelow(registry.folder)).toEqual([]);
    expect(`${JSON.stringify(events)}${stderr}`).not.toContain(token);
  });

  test("is not asked again while the definition is the same", async () => {
    const before = server.requests.length;
    const { events } = await buildWith([call(`secretive @ ${address("@v1.0")}`)], ["--force"]);
    expect(names(events)).toEqual([]);
    expect(server.requests.length).toBe(before);
  });

  test("keeps its commit when a package is added, and moves with --upgrade", async () => {
    const calls = [call(address("@main")), `withPipPackages("six")`];
    const one = await buildWith(calls.slice(0, 1));
    // The tag's commit, which was built.
    expect(names(one.events)).toEqual([`fetch ${server.origin}/secretive.git`]);
    await writeSource(repository.worktree, "secretive", "2.0");
    const second = await repository.commit("two");
    const two = await buildWith(calls);
    expect(names(two.events)).toEqual([]);
    expect(await installed(two.uri, "secretive")).toMatchObject({ version: "1.0" });
    const three = await buildWith(calls, ["--upgrade"]);
    expect(await installed(three.uri, "secretive")).toMatchObject({
      version: "2.0",
      direct: { vcs_info: { requested_revision: "main", commit_id: second } },
    });
    await expectNothingOutside();
  });

  test("that the secret does not open is an error without the secret", async () => {
    await project.write(
      "image.ts",
      debianImage(registry.host, "refused", call(address("@refused"))),
    );
    const wrong = "another-t0ken-of-nobody";
    const { code, stderr, events } = await tryBuild(project, [], { env: { TOKEN: wrong } });
    expect(code).toBe(1);
    expect(events.at(-1)).toMatchObject({ kind: "failed", code: "repository-unreadable" });
    expect(stderr).toContain("Look whether the secret is the right one");
    expect(`${stderr}${JSON.stringify(events)}`).not.toContain(wrong);
    const lacking = await tryBuild(project, [], { env: { TOKEN: token } });
    expect(lacking.stderr).toContain("Look whether refused is a branch, a tag or a commit there");
  });

  test("whose secret no call names is an error before anything runs", async () => {
    const plain = `withPipPackages(${JSON.stringify(address("@main"))})`;
    await project.write("image.ts", debianImage(registry.host, "unnamed", plain));
    const { code, events } = await tryBuild(project, [], { env: { TOKEN: token } });
    expect(code).toBe(1);
    expect(events.at(-1)).toMatchObject({
      kind: "failed",
      code: "secret-missing",
      hint: expect.stringContaining('secretMounts: "TOKEN"') as string,
    });
    expect(names(events)).toEqual([]);
  });
});

describe("sources of this machine", () => {
  test("a folder is built from a copy, and again when it changes", async () => {
    const folder = join(project.folder, "libs", "local");
    await writeSource(folder, "locallib", "1.0");
    await project.write("requirements.txt", "./libs/local\n");
    const calls = ['withRequirements("requirements.txt")'];
    const one = await buildWith(calls);
    expect(names(one.events)).toEqual(["build local"]);
    expect(await installed(one.uri, "locallib")).toEqual({
      version: "1.0",
      direct: { url: "file:///locallib", dir_info: {} },
    });
    expect(await readdir(folder)).toEqual(["backend.py", "pyproject.toml"]);
    await mkdir(join(folder, "__pycache__"));
    await writeFile(join(folder, "__pycache__", "x.pyc"), "x");
    expect((await buildWith(calls)).events.at(-1)).toMatchObject({ result: { upToDate: true } });
    await writeSource(folder, "locallib", "1.1");
    const two = await buildWith(calls);
    expect(two.uri).not.toBe(one.uri);
    expect(await installed(two.uri, "locallib")).toMatchObject({ version: "1.1" });
    await expectNothingOutside();
  });

  test("an archive is known by its hash", async () => {
    await writeSource(join(project.folder, "archived-1.0"), "archived", "1.0");
    const archive = join(project.folder, "archived-1.0.tar.gz");
    await writeFile(
      join(project.folder, "archived-1.0", "PKG-INFO"),
      "Metadata-Version: 1.0\nName: archived\nVersion: 1.0\n",
    );
    await output("tar", ["-C", project.folder, "-czf", archive, "archived-1.0"]);
    const [sum = ""] = (await output("sha256sum", [archive])).split(" ");
    const { uri, events } = await buildWith([
      'withPipPackages("archived @ ./archived-1.0.tar.gz")',
    ]);
    expect(names(events)).toEqual(["build archived-1.0.tar.gz"]);
    expect(await installed(uri, "archived")).toEqual({
      version: "1.0",
      direct: { url: "file:///archived-1.0.tar.gz", archive_info: { hashes: { sha256: sum } } },
    });
    await expectNothingOutside();
  });

  test("what is another package than its requirement says is refused", async () => {
    await project.write(
      "image.ts",
      debianImage(registry.host, "other", 'withPipPackages("another @ ./libs/local")'),
    );
    const { code, stderr } = await tryBuild(project);
    expect(code).toBe(1);
    expect(stderr).toContain("locallib");
    await expectNothingOutside();
  });
});

test("a private index is read with a secret, which is nowhere afterwards", async () => {
  const folder = join(project.folder, "served-wheels");
  await writeTinyWheels(folder, [{ name: "alpha", version: "1.0" }]);
  const credentials = { user: "reader", password: token };
  await using index = await startWheelIndex(folder, { credentials });
  const indexUrl = `${index.origin.replace("://", "://reader:$TOKEN@")}/simple/`;
  const alpha = `withPipPackages("alpha", { indexUrl: ${JSON.stringify(indexUrl)}, secretMounts: "TOKEN" })`;
  const { uri, events, stderr } = await buildWith([alpha]);
  const script = "import importlib.metadata as m; print(m.version('alpha'))";
  expect(await lamellaEngine(project).run(uri, ["python3", "-c", script])).toBe("1.0\n");
  const lock = await lamella(["lock", "image.ts"], {
    cwd: project.folder,
    env: { LAMELLA_HOME: project.store, TOKEN: token },
  });
  expect(lock.code, lock.stderr).toBe(0);
  const written = await readFile(join(project.folder, "pylock.sources.toml"), "utf8");
  expect(written).toContain(`${index.origin}/files/alpha-1.0`);
  expect(`${written}${JSON.stringify(events)}${stderr}${lock.stderr}`).not.toContain(token);
  await rm(join(project.folder, "pylock.sources.toml"));
  expect(await tracesBelow(project.store)).toEqual([]);
  expect(await tracesBelow(registry.folder)).toEqual([]);
});

test("a lock has the commit and the folder, and says when that has changed", async () => {
  const repositoryCall = call(`secretive @ ${address("@v1.0")}`);
  const calls = [repositoryCall, 'withPipPackages("./libs/local")'];
  await project.write("image.ts", debianImage(registry.host, "sources", ...calls));
  const options = { cwd: project.folder, env: { LAMELLA_HOME: project.store, TOKEN: token } };
  const { code, stderr } = await lamella(["lock", "image.ts"], options);
  expect(code, stderr).toBe(0);
  const lock = await readFile(join(project.folder, "pylock.sources.toml"), "utf8");
  expect(lock).toMatch(/commit-id = "[0-9a-f]{40}"/);
  expect(lock).toContain('path = "libs/local"');
  expect(lock).not.toContain(token);

  // A machine that has nothing but the lock.
  await using elsewhere = await temporaryFolder("lamella-elsewhere-");
  const other = { folder: project.folder, store: join(elsewhere.path, "store") };
  const first = await tryBuild(other, ["--locked", "--force"], { env: { TOKEN: token } });
  expect(first.code, first.stderr).toBe(0);
  expect(names(first.events).filter((name) => name.startsWith("build "))).toHaveLength(2);
  const last = first.events.at(-1);
  if (last?.kind !== "finished") throw new Error("The build did not finish.");
  const engine = { ...project, store: other.store };
  const look = "import secretive, locallib; print(secretive.version, locallib.version)";
  expect(await lamellaEngine(engine).run(last.result.uri, ["python3", "-c", look])).toBe(
    "1.0 1.1\n",
  );

  await writeSource(join(project.folder, "libs", "local"), "locallib", "1.2");
  const stale = await tryBuild(project, ["--locked"], { env: { TOKEN: token } });
  expect(stale.code).toBe(1);
  expect(stale.stderr).toContain("The folder of locallib has changed");
  await rm(join(project.folder, "pylock.sources.toml"));
  await expectNothingOutside();
});

test.each([
  { ground: "the base", below: [] },
  // That step's layer is elsewhere, too.
  { ground: "a step that executed", below: ['withAptPackages("tree")'] },
])(
  "a cache has what was built above $ground: another machine executes nothing",
  async ({ below }) => {
    const cache = `${registry.host}/sources-cache:${below.length}`;
    const local = 'withPipPackages("./libs/local")';
    await writeSource(join(project.folder, "libs", "local"), "locallib", "1.2");
    await project.write("image.ts", debianImage(registry.host, "cached", ...below, local));
    // What commands leave has to be known before packages above them are locked.
    const known = await tryBuild(project);
    expect(known.code, known.stderr).toBe(0);
    const env = { LAMELLA_HOME: project.store };
    const lock = await lamella(["lock", "image.ts"], { cwd: project.folder, env });
    expect(lock.code, lock.stderr).toBe(0);
    const first = await tryBuild(project, ["--cache-to", cache]);
    expect(first.code, first.stderr).toBe(0);

    await using elsewhere = await temporaryFolder("lamella-elsewhere-");
    const other = (name: string): Pick<Project, "folder" | "store"> => ({
      folder: project.folder,
      store: join(elsewhere.path, name),
    });
    const warm = ["--force", "--cache-from", cache];
    const byLock = await tryBuild(other("locked"), ["--locked", ...warm]);
    expect(byLock.code, byLock.stderr).toBe(0);
    expect(names(byLock.events)).toEqual([]);
    expect(digestOf(byLock.events)).toBe(digestOf(first.events));
    // Its content, too, where it shares a layer with what is new.
    await rm(join(project.folder, "pylock.cached.toml"));
    await project.write(
      "image.ts",
      debianImage(registry.host, "cached", ...below, local, 'withPipPackages("six")'),
    );
    const fetched = await tryBuild(other("resolved"), warm);
    expect(fetched.code, fetched.stderr).toBe(0);
    expect(names(fetched.events)).toEqual([]);
    const last = fetched.events.at(-1);
    if (last?.kind !== "finished") throw new Error("The build did not finish.");
    const engine = lamellaEngine(other("resolved"));
    const said = await engine.run(last.result.uri, [
      "python3",
      "-c",
      "import locallib, six; print(locallib.version)",
    ]);
    expect(said).toBe("1.2\n");
  },
);

test("what was built for any platform is in the image for another one too", async () => {
  const platforms = ["linux/amd64", "linux/arm64"] as const;
  await using both = await startAptMirror({ platforms });
  await using pair = await createProject({
    mirror: both.host,
    definition: debianImage(
      both.host,
      "both",
      'withPipPackages("./lib")',
      "clone({ platforms })",
    ).replace("export default", `const platforms = ${JSON.stringify(platforms)};\nexport default`),
  });
  await writeSource(join(pair.folder, "lib"), "locallib", "1.0");
  const store = project.store;
  const built = await build({ ...pair, store });
  expect(built.platforms.map(({ platform }) => platform)).toEqual(platforms);
  const [one, other] = built.platforms.map(({ layers }) =>
    layers.filter(({ title }) => title.includes("locallib")).map(({ digest }) => digest),
  );
  // With its bytecode.
  expect(one).toHaveLength(2);
  expect(other).toEqual(one);
  // And by a lock.
  const env = { LAMELLA_HOME: store };
  const lock = await lamella(["lock", "image.ts"], { cwd: pair.folder, env });
  expect(lock.code, lock.stderr).toBe(0);
  await build({ ...pair, store }, ["--locked"]);
  await expectNothingOutside();
});
