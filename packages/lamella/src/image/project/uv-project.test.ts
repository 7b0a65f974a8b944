import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { Image } from "../image.ts";

// Locks as uv writes them, as short as they can be; test/uv-projects.slow.test.ts has real ones.

const root = mkdtempSync(join(tmpdir(), "lamella-uv-project-"));
afterAll(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

const hash = (digit: string): string => `sha256:${digit.repeat(64)}`;

function wheel(
  name: string,
  version: string,
  digit: string,
  index = "https://index.example",
): string {
  return `
[[package]]
name = "${name}"
version = "${version}"
source = { registry = "${index}/simple" }
wheels = [{ url = "${index}/files/${name}-${version}-py3-none-any.whl", hash = "${hash(digit)}" }]
`;
}

const project = `[project]
name = "App"
version = "1"
dependencies = ["six>=1.0"]
[project.optional-dependencies]
more = ["idna"]
`;

function lock(index?: string): string {
  return `version = 1
revision = 3
requires-python = ">=3.11"
${wheel("six", "1.17.0", "1", index)}${wheel("idna", "3.10", "2", index)}${wheel("toml", "0.10.2", "3", index)}
[[package]]
name = "lib"
version = "1"
source = { editable = "lib" }

[[package]]
name = "app"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "six" }, { name = "lib", marker = "sys_platform == 'linux'" }]

[package.optional-dependencies]
more = [{ name = "idna" }]

[package.dev-dependencies]
dev = [{ name = "toml" }]

[package.metadata]
requires-dist = [
    { name = "six", specifier = ">=1.0" },
    { name = "idna", marker = "extra == 'more'" },
]
`;
}

beforeEach(() => {
  rmSync(root, { recursive: true });
  write("app/pyproject.toml", project);
  write("app/uv.lock", lock());
  write("app/lib/pyproject.toml", '[project]\nname = "lib"\nversion = "1"\n');
  write("app/lib/lib.py", "x = 1\n");
});

const image = (...args: Parameters<Image["withUvProject"]>): Image =>
  Image.fromBase("python:3.11", { name: "app" }).withUvProject(...args);
const identifier = (options: Parameters<Image["withUvProject"]>[1] = {}): string =>
  image(join(root, "app/pyproject.toml"), options).identifier;

describe("what decides the identifier of an image with a project", () => {
  test("not where the project lies, nor its index, nor what is not installed", () => {
    const before = identifier();
    write("app/pyproject.toml", `${project}[tool.ruff]\nline-length = 100\n`);
    write("app/main.py", "print(1)\n");
    write("app/uv.lock", lock("https://mirror.example"));
    write("app/lib/lib.egg-info/PKG-INFO", "Name: lib\n");
    write("app/lib/build/lib/lib.py", "x = 0\n");
    expect(identifier()).toBe(before);
  });

  test("the options, the lock's packages, and folders that are built", () => {
    const before = identifier();
    const others = [identifier({ extras: ["more"] }), identifier({ defaultGroups: false })];
    expect(new Set([before, ...others]).size).toBe(3);
    expect(identifier({ groups: ["DEV"], defaultGroups: false })).toBe(before);
    write("app/lib/lib.py", "x = 2\n");
    const changed = identifier();
    expect(changed).not.toBe(before);
    write("app/uv.lock", lock().replace(hash("1"), hash("4")));
    expect(identifier()).not.toBe(changed);
  });

  test("not a way to the project through a link", () => {
    symlinkSync(join(root, "app"), join(root, "linked"));
    expect(image(join(root, "linked/pyproject.toml")).identifier).toBe(identifier());
  });
});

const problem = async (
  options: Parameters<Image["withUvProject"]>[1] = {},
  path = join(root, "app/pyproject.toml"),
): Promise<string> =>
  await image(path, options)
    .validate()
    .then(
      () => "",
      (error: Error) => error.message,
    );

describe("what is wrong with a project", () => {
  test("nothing", async () => {
    expect(await problem()).toBe("");
  });

  test.each([
    ["no lock", () => rmSync(join(root, "app/uv.lock")), {}, "There is no uv.lock beside"],
    ["no TOML", () => write("app/uv.lock", "version = \n"), {}, "uv.lock:1:11 is not TOML"],
    ["another version", () => write("app/uv.lock", "version = 2\n"), {}, "has version 2"],
    [
      "another project",
      () => write("app/pyproject.toml", project.replace("App", "b")),
      {},
      "does not have the project b",
    ],
    ["an unknown extra", () => undefined, { extras: ["gpu"] }, "has no extra gpu"],
    ["an unknown group", () => undefined, { groups: ["docs"] }, "has no group docs"],
    [
      "no package",
      () => undefined,
      { projectInstallMode: "install_project" as const },
      "no [build-system]",
    ],
    [
      "no folder",
      () => rmSync(join(root, "app/lib"), { recursive: true }),
      {},
      "lib, which is not there",
    ],
    [
      "a name that is missing",
      () => write("app/uv.lock", lock().replace('{ name = "six" },', '{ name = "seven" },')),
      {},
      "names seven and does not have it",
    ],
    [
      "an older lock",
      () => write("app/pyproject.toml", project.replace("six>=1.0", "six>=1.1")),
      {},
      "asks for six>=1.1, which it does not know, and no longer asks for six>=1.0",
    ],
  ])("%s", async (_, arrange, options, said) => {
    arrange();
    expect(await problem(options)).toContain(said);
  });

  test("a specifier that is only written otherwise is the same", async () => {
    write("app/pyproject.toml", project.replace("six>=1.0", "Six >= 1.0 ; python_version > '3'"));
    expect(await problem()).toBe("");
  });

  test("shapes are checked at construction", () => {
    expect(() => image("setup.py")).toThrow("is not a pyproject.toml");
    expect(() => image("pyproject.toml", { projectInstallMode: "all" as never })).toThrow(
      "projectInstallMode",
    );
    expect(() => image("pyproject.toml", { extras: "gpu" as never })).toThrow("not a list");
  });
});
