import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { layerOfFolder } from "../../testing/made-base.ts";
import { isWithin } from "./links.ts";
import { readOutline } from "./read-outline.ts";
import { removalEntries } from "./replaced.ts";

const run = promisify(execFile);

let folder: string;
let wheels: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-replaced-"));
  wheels = join(folder, "wheels");
  const options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--dest", wheels];
  const old = ["numpy==1.26.4", "six==1.16.0"];
  await run("python3", ["-m", "pip", "download", ...options, ...old]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Everything below a folder, directories with a closing slash; links are not followed. */
async function names(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const name = relative(root, join(entry.parentPath, entry.name));
    found.push(entry.isDirectory() ? `${name}/` : name);
  }
  return found.sort();
}

/** What whiteouts for numpy leave of an environment that is a base's /opt/venv. */
async function withoutNumpy(environment: string): Promise<string[]> {
  const outline = await readOutline([await layerOfFolder(environment, "opt/venv")], {});
  const installed = outline.distributions.map(({ name, version }) => `${name} ${version}`);
  expect(installed).toContain("numpy 1.26.4");
  expect(installed).toContain("six 1.16.0");
  const numpy = outline.distributions.filter(({ name }) => name === "numpy");
  const removed = removalEntries(outline, numpy)
    .filter(({ kind }) => kind === "whiteout")
    .map(({ path }) => path.slice("opt/venv/".length));
  expect(removed.length).toBeGreaterThan(0);
  return (await names(environment)).filter(
    (name) => !removed.some((path) => isWithin(name.replace(/\/$/, ""), path)),
  );
}

test("leaves of a numpy that pip installed what pip's own uninstall leaves", async () => {
  const environment = join(folder, "pip");
  await run("python3", ["-m", "venv", environment]);
  const pip = join(environment, "bin/pip");
  await run(pip, ["install", "--quiet", "--no-index", "--find-links", wheels, "numpy", "six"]);
  const left = await withoutNumpy(environment);
  await run(pip, ["uninstall", "--quiet", "--yes", "numpy"]);
  expect(left).toEqual(await names(environment));
  expect(left.filter((name) => /numpy/.test(name))).toEqual([]);
});

test("leaves of a numpy that uv installed and compiled what uv's own uninstall leaves", async () => {
  const tools = join(folder, "tools");
  await run("python3", ["-m", "venv", tools]);
  await run(join(tools, "bin/pip"), ["install", "--quiet", "uv"]);
  const uv = join(tools, "bin/uv");
  const environment = join(folder, "uv");
  const env = { ...process.env, UV_CACHE_DIR: join(folder, "cache"), VIRTUAL_ENV: environment };
  await run(uv, ["venv", "--quiet", "--offline", "--python", "python3", environment], { env });
  const options = ["--quiet", "--offline", "--no-index", "--find-links", wheels];
  await run(uv, ["pip", "install", ...options, "--compile-bytecode", "numpy", "six"], { env });
  const left = await withoutNumpy(environment);
  expect(left.some((name) => name.includes("six.cpython"))).toBe(true);
  await run(uv, ["pip", "uninstall", "--quiet", "numpy"], { env });
  expect(left).toEqual(await names(environment));
  expect(left.filter((name) => /numpy/.test(name))).toEqual([]);
});
