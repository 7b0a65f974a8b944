import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeTinyWheels } from "../../testing/tiny-wheel.ts";
import { Store } from "../store/store.ts";
import { parseRequirement, type Requirement } from "./requirements.ts";
import { readRequirementsFile } from "./requirements-file.ts";
import { resolve } from "./resolve.ts";
import { findUv } from "./uv.ts";

const execute = promisify(execFile);

/*
 * Nothing of a package runs on the host. `evil` writes a file when anything asks its build backend for anything; each
 * known way to make uv ask is set up, beside and above the folder in which we run it.
 */
let folder: string;
let store: Store;
let links: string;
let env: Record<string, string>;
let uv: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "lamella-no-build-"));
  store = await Store.open(path.join(folder, "project", "deep", "store"));
  links = path.join(folder, "links");
  uv = await findUv({ store, env: process.env });
  const { PATH = "" } = process.env;
  env = {
    PATH: `${path.dirname(uv)}:${PATH}`,
    HOME: path.join(folder, "home"),
    UV_FIND_LINKS: links,
    UV_NO_INDEX: "1",
    PIP_CONFIG_FILE: "/dev/null",
  };
  await mkdir(links);
  await evilSource("1.0");
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** A source tree that needs nothing to be built, and an sdist of it in the folder of links. */
async function evilSource(version: string): Promise<{ tree: string; sdist: string }> {
  const tree = path.join(folder, `evil-${version}`);
  const mark = `open(${JSON.stringify(path.join(folder, "written"))}, "w").write("ran")\n`;
  await mkdir(tree, { recursive: true });
  await writeFile(path.join(tree, "setup.py"), mark);
  await writeFile(path.join(tree, "backend.py"), mark);
  await writeFile(
    path.join(tree, "pyproject.toml"),
    '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
  );
  await writeFile(
    path.join(tree, "PKG-INFO"),
    `Metadata-Version: 1.0\nName: evil\nVersion: ${version}\n`,
  );
  const sdist = path.join(links, `evil-${version}.tar.gz`);
  await execute("tar", ["-C", folder, "-czf", sdist, `evil-${version}`]);
  return { tree, sdist };
}

async function ran(): Promise<boolean> {
  return await access(path.join(folder, "written")).then(
    () => true,
    () => false,
  );
}

const requirement = (text: string): Requirement =>
  parseRequirement(text, { where: "image.ts", directory: folder });

async function versions(...lines: string[]): Promise<string[]> {
  const lock = await resolve({
    calls: [{ requirements: lines.map(requirement) }],
    python: "3.11",
    platform: "linux/amd64",
    libc: { kind: "glibc", major: 2, minor: 36 },
    store,
    env,
  });
  return lock.packages.map(({ name, version }) => `${name} ${version}`);
}

/** uv as a person would run it, to see that the trap works. */
async function unguarded(args: readonly string[]): Promise<void> {
  const file = path.join(folder, "project", "deep", "evil.in");
  await writeFile(file, "evil\n");
  const { UV_NO_INDEX: _, ...plain } = env;
  await execute(uv, ["pip", "compile", "--no-index", ...args, file], {
    cwd: path.dirname(file),
    env: { ...plain, UV_CACHE_DIR: path.join(folder, "unguarded") },
  }).catch(() => undefined);
}

test("the trap works: uv left to itself runs the package", async () => {
  await unguarded([]);
  expect(await ran()).toBe(true);
});

test("source alone is an error that names the package", async () => {
  await expect(versions("evil")).rejects.toMatchObject({
    code: "package-no-wheel",
    package: "evil",
  });
  expect(await ran()).toBe(false);
});

test("source beside a wheel, and a newer source", async () => {
  await writeTinyWheels(links, [{ name: "evil", version: "1.0" }]);
  await evilSource("2.0");
  expect(await versions("evil")).toEqual(["evil 1.0"]);
  expect(await ran()).toBe(false);
});

describe("settings under which uv builds in spite of --no-build", () => {
  const named = 'no-binary-package = ["evil"]\n';
  const inPip = 'no-binary = ["evil"]\n';

  test.each<[string, string, string]>([
    ["a uv.toml further up", "project/uv.toml", named],
    ["a uv.toml further up, for pip", "project/uv.toml", `[pip]\n${inPip}`],
    ["a project's [tool.uv] further up", "project/pyproject.toml", `[tool.uv]\n${named}`],
    [
      "a workspace further up",
      "project/pyproject.toml",
      `[project]\nname = "p"\nversion = "1"\n[tool.uv]\n${named}[tool.uv.workspace]\nmembers = []\n`,
    ],
    ["the user's uv.toml", "home/.config/uv/uv.toml", `[pip]\n${inPip}`],
  ])("%s", async (_, file, text) => {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), text);
    await expect(versions("evil")).rejects.toMatchObject({ code: "package-no-wheel" });
    expect(await ran()).toBe(false);
    await unguarded(["--no-build"]);
    expect(await ran()).toBe(true);
  });

  test("an option line in the file that uv reads", async () => {
    const file = path.join(folder, "requirements.txt");
    await writeFile(file, "--no-binary evil\nevil\n");
    const { requirements, settings } = await readRequirementsFile(file);
    const target = { python: "3.11", platform: "linux/amd64" } as const;
    const libc = { kind: "glibc", major: 2, minor: 36 } as const;
    const calls = [{ requirements, ...settings }];
    await expect(resolve({ calls, ...target, libc, store, env })).rejects.toMatchObject({
      code: "package-no-wheel",
    });
    expect(await ran()).toBe(false);
    await unguarded(["--no-build", "--no-config", file]);
    expect(await ran()).toBe(true);
  });

  test("variables of the environment", async () => {
    const config = path.join(folder, "named.toml");
    await writeFile(config, `${named}[pip]\n${inPip}`);
    const more = {
      UV_NO_BUILD: "0",
      UV_NO_BINARY: "1",
      UV_NO_BINARY_PACKAGE: "evil",
      UV_CONFIG_FILE: config,
      UV_NO_CONFIG: "0",
      UV_OVERRIDE: path.join(folder, "override.txt"),
      PIP_NO_BINARY: "evil",
    };
    await writeFile(more.UV_OVERRIDE, "--no-binary evil\n");
    env = { ...env, ...more };
    await expect(versions("evil")).rejects.toMatchObject({ code: "package-no-wheel" });
    expect(await ran()).toBe(false);
    await unguarded(["--no-build"]);
    expect(await ran()).toBe(true);
  });
});

describe("lines of a requirements file", () => {
  test.each([
    "-e ./evil-1.0",
    "--editable ./evil-1.0",
    "evil --config-settings x=y",
    "evil --global-option x",
  ])("%j", async (text) => {
    const file = path.join(folder, "requirements.txt");
    await writeFile(file, `${text}\n`);
    await expect(readRequirementsFile(file)).rejects.toThrow(/requirements\.txt:[12]: /);
    expect(await ran()).toBe(false);
  });

  test.each([
    "./evil-1.0",
    "evil @ ./evil-1.0",
    "evil @ ./links/evil-1.0.tar.gz",
    "./links/evil-1.0.tar.gz",
    "git+https://127.0.0.1:1/evil.git",
    "-e git+https://127.0.0.1:1/evil.git#egg=evil",
  ])("%j without a sandbox", async (text) => {
    const file = path.join(folder, "requirements.txt");
    await writeFile(file, `${text}\n`);
    const { requirements, sources } = await readRequirementsFile(file);
    const target = { python: "3.11", platform: "linux/amd64" } as const;
    const libc = { kind: "glibc", major: 2, minor: 36 } as const;
    const calls = [{ requirements, sources }];
    await expect(resolve({ calls, ...target, libc, store, env })).rejects.toMatchObject({
      code: "package-no-wheel",
    });
    expect(await ran()).toBe(false);
  });
});

describe("what a wheel says that it depends on", () => {
  test.each<[string, () => Promise<string>]>([
    ["an sdist by its address", async () => `evil @ file://${links}/evil-1.0.tar.gz`],
    ["a folder", async () => `evil @ file://${folder}/evil-1.0`],
    [
      "a repository",
      async () => {
        const tree = path.join(folder, "evil-1.0");
        const git = (...args: string[]) =>
          execute("git", [
            "-C",
            tree,
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@example.com",
            ...args,
          ]);
        await git("init", "-q");
        await git("add", ".");
        await git("commit", "-q", "-m", "x");
        return `evil @ git+file://${tree}`;
      },
    ],
  ])("%s", async (_, dependency) => {
    await writeTinyWheels(links, [
      { name: "harmless", version: "1.0", requires: [await dependency()] },
    ]);
    await expect(versions("harmless")).rejects.toMatchObject({
      code: expect.any(String) as string,
    });
    await expect(versions("harmless")).rejects.toThrow("evil");
    expect(await ran()).toBe(false);
  });
});

test("a pre-release call, constraints and extras open no way either", async () => {
  const lock = resolve({
    calls: [
      {
        requirements: [requirement("evil[x]")],
        constraints: [requirement("evil==1.0")],
        pre: true,
      },
    ],
    python: "3.11",
    platform: "linux/arm64",
    libc: { kind: "musl", major: 1, minor: 2 },
    store,
    env,
    upgrade: true,
  });
  await expect(lock).rejects.toMatchObject({ code: "package-no-wheel" });
  expect(await ran()).toBe(false);
  expect(await readdir(store.path("sessions"), { recursive: true })).not.toContain("evil.in");
});
