import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PythonVersionError } from "./error.ts";
import { projectPythonVersion, requirePythonVersion } from "./python-version.ts";

let top: string;
let root: string;
beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "python-version-"));
  root = join(top, "repository/infra/images");
  await mkdir(root, { recursive: true });
  await mkdir(join(top, "repository/.git"));
});
afterEach(() => rm(top, { recursive: true, force: true }));

const project = (specifier: string): string => `[project]\nrequires-python = "${specifier}"\n`;

test("a project that says nothing gets 3.12", async () => {
  await writeFile(join(top, "repository/pyproject.toml"), "[tool.x]\n");
  expect(projectPythonVersion(root)).toBe("3.12");
});

test("files above the repository do not matter", async () => {
  await writeFile(join(top, ".python-version"), "3.8\n");
  await writeFile(join(top, "pyproject.toml"), project(">=3.9"));
  expect(projectPythonVersion(root)).toBe("3.12");
});

test("a pin goes before a project, a near one before a far one", async () => {
  await writeFile(join(top, "repository/pyproject.toml"), project(">=3.9"));
  expect(projectPythonVersion(root)).toBe("3.9");
  await writeFile(join(root, "pyproject.toml"), project(">=3.10"));
  expect(projectPythonVersion(root)).toBe("3.10");
  await writeFile(join(top, "repository/.python-version"), "3.13\n");
  expect(projectPythonVersion(root)).toBe("3.13");
  await writeFile(join(root, ".python-version"), "3.14\n");
  expect(projectPythonVersion(root)).toBe("3.14");
});

test.each([
  ["3.11", "3.11"],
  ["# ours\n\n  3.11.4  # pinned\r\n3.9\n", "3.11"],
  ["cpython-3.11.4-linux-x86_64-gnu", "3.11"],
  ["cpython@3.13", "3.13"],
  ["python3.10", "3.10"],
  ["3.13t", "3.13"],
])("the pin %j is %s", async (text, version) => {
  await writeFile(join(root, ".python-version"), text);
  expect(projectPythonVersion(root)).toBe(version);
});

test.each(["", "system", "3", "pypy3.10", "2.7", "3.123"])(
  "the pin %j is refused, naming the file",
  async (text) => {
    await writeFile(join(root, ".python-version"), text);
    expect(() => projectPythonVersion(root)).toThrow(PythonVersionError);
    expect(() => projectPythonVersion(root)).toThrow(join(root, ".python-version"));
  },
);

test.each([
  [">=3.11", "3.11"],
  [">=3.10.2,<3.13", "3.10"],
  ["==3.11.*", "3.11"],
  ["==3.11.4", "3.11"],
  ["~=3.9", "3.9"],
  ["~=3.9.7", "3.9"],
  [">3.10", "3.10"],
  [">=3.9,!=3.9.*", "3.10"],
  [">=3.9 , >=3.11", "3.11"],
  ["<4", "3.12"],
  [">=3", "3.12"],
  ["", "3.12"],
])("requires-python %j means %s", async (specifier, version) => {
  await writeFile(join(root, "pyproject.toml"), project(specifier));
  expect(projectPythonVersion(root)).toBe(version);
});

test.each([
  [project("new"), /requires-python in .*pyproject.toml is no version specifier: "new"/],
  ["[project]\nrequires-python = 3.11\n", /no version specifier: 3\.11/],
  ["[project\n", /pyproject\.toml:1:\d+ is not TOML/],
])("the project %j is refused", async (text, message) => {
  await writeFile(join(root, "pyproject.toml"), text);
  expect(() => projectPythonVersion(root)).toThrow(PythonVersionError);
  expect(() => projectPythonVersion(root)).toThrow(message);
});

test.each([
  ["2.7", 'such as "3.12"'],
  ["4.0", 'such as "3.12"'],
  [3.1, "Write the minor version as text"],
  ["3.12.4", "Write the minor version as text"],
])("the version %j is refused, with a hint at what is wrong with it", (value, hint) => {
  const refused = (): string => requirePythonVersion(value, "pythonVersion");
  expect(refused).toThrow(PythonVersionError);
  expect(refused).toThrow(expect.objectContaining({ hint: expect.stringContaining(hint) }));
});
