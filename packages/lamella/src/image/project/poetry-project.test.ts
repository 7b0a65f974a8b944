import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { Image } from "../image.ts";
import type { PoetryProjectOptions } from "../layers/poetry-project.ts";

// A lock as Poetry 2 writes it, as short as it can be; test/poetry-projects.slow.test.ts has real ones.

const root = mkdtempSync(join(tmpdir(), "lamella-poetry-project-"));
afterAll(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

const project = `[project]
name = "App"
dependencies = ["six>=1.0 ; python_version > '3'"]
optional-dependencies = { more = ["idna"] }
[tool.poetry.group.docs]
optional = true
[tool.poetry.group.docs.dependencies]
toml = "*"
[tool.poetry.group.dev.dependencies]
iniconfig = "*"
`;

/** What Poetry hashes of that, as Python's `json` writes it. */
const asked =
  '{"project": {"dependencies": ["six>=1.0 ; python_version > \'3\'"], "optional-dependencies": {"more": ["idna"]}}, "tool": {"poetry": {"group": {"dev": {"dependencies": {"iniconfig": "*"}}, "docs": {"dependencies": {"toml": "*"}, "optional": true}}}}}';

function row(name: string, digit: string, more: string): string {
  return `[[package]]
name = "${name}"
version = "1.0"
${more}
files = [{ file = "${name}-1.0-py3-none-any.whl", hash = "sha256:${digit.repeat(64)}" }]
`;
}

const lock = `${row("six", "1", 'groups = ["main"]')}${row("idna", "2", `optional = true\ngroups = ["main"]\nmarkers = 'extra == "more"'`)}${row("toml", "3", 'groups = ["docs"]')}${row("iniconfig", "4", 'groups = ["dev"]')}
[[package]]
name = "lib"
version = "1.0"
groups = ["main"]
files = []
[package.source]
type = "directory"
url = "lib"

[metadata]
lock-version = "2.1"
content-hash = "${createHash("sha256").update(asked).digest("hex")}"
`;

beforeEach(() => {
  rmSync(root, { recursive: true });
  write("pyproject.toml", project);
  write("poetry.lock", lock);
  write("lib/lib.py", "x = 1\n");
});

const image = (options?: PoetryProjectOptions): Image =>
  Image.fromBase("python:3.11", { name: "app" }).withPoetryProject(
    join(root, "pyproject.toml"),
    options,
  );

test("the identifier knows what may be installed, and nothing else", () => {
  const before = image().identifier;
  write("pyproject.toml", `${project}[tool.ruff]\nline-length = 100\n`);
  write("main.py", "x = 1\n");
  write(
    "poetry.lock",
    lock.replace("2".repeat(64), "a".repeat(64)).replace("3".repeat(64), "b".repeat(64)),
  );
  expect(image().identifier).toBe(before);
  write("poetry.lock", lock);
  const all = [
    image({ extras: ["more"] }),
    image({ groups: ["docs"] }),
    image({ defaultGroups: false }),
    image({ projectInstallMode: "install_project" }),
  ].map(({ identifier }) => identifier);
  expect(new Set([before, ...all]).size).toBe(5);
  write("lib/lib.py", "x = 2\n");
  expect(image().identifier).not.toBe(before);
});

describe("what is wrong", () => {
  test("nothing", async () => {
    await image().validate();
  });

  test.each([
    ["no lock", () => rmSync(join(root, "poetry.lock")), {}, "poetry.lock"],
    [
      "a lock of Poetry 1",
      () => write("poetry.lock", lock.replace('"2.1"', '"2.0"')),
      {},
      "has version 2.0",
    ],
    [
      "an older lock",
      () => write("pyproject.toml", project.replace("1.0", "1.1")),
      {},
      "has changed since it was written",
    ],
    ["an unknown extra", () => undefined, { extras: ["gpu"] }, "has no extra gpu"],
    ["an unknown group", () => undefined, { groups: ["test"] }, "has no group test"],
    [
      "no folder",
      () => rmSync(join(root, "lib"), { recursive: true }),
      {},
      "lib, which is not there",
    ],
    [
      "a file without a hash",
      () => write("poetry.lock", lock.replace("sha256:1", "md5:1")),
      {},
      "a file of six has no SHA-256 hash",
    ],
    [
      "no package",
      () => write("pyproject.toml", `${project}[tool.poetry]\npackage-mode = false\n`),
      { projectInstallMode: "install_project" as const },
      "package-mode is false",
    ],
  ])("%s", async (_, arrange, options, said) => {
    arrange();
    await expect(image(options).validate()).rejects.toThrow(said);
  });
});
