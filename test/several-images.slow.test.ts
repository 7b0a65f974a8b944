import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamella } from "../packages/lamella/testing/lamella.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { createProject, type Project } from "./project.ts";

// A file that exports several images, as its user has it.

let registry: RunningRegistry;
beforeAll(async () => {
  registry = await startMirror();
});
afterAll(() => registry?.[Symbol.asyncDispose]());

/** What an image is made from, its name, and the calls that follow. */
type Definition = readonly [base: string, name: string, ...calls: string[]];

/** A project whose `image.ts` exports the images: options and calls by name. */
function project(images: Readonly<Record<string, Definition>>): Promise<Project> {
  const exports = Object.entries(images).map(([name, [base, repository, ...calls]]) => {
    const options = JSON.stringify({ registry: registry.host, name: repository });
    const image = [`Image.fromBase("${base}", ${options})`, ...calls].join(".");
    return `export const ${name} = ${image};`;
  });
  const definition = ['import { Image } from "lamella";', ...exports, ""].join("\n");
  return createProject({ mirror: registry.host, wheels: "wheels", definition });
}

const python = "python:3.11-slim-bookworm";

function run({ folder, store }: Project, ...args: string[]) {
  return lamella(args, { cwd: folder, env: { LAMELLA_HOME: store } });
}

test("when the second fails, the metadata file has the first and says what failed", async () => {
  await using images = await project({
    a: [python, "first", 'withEnvVars({ A: "1" })'],
    b: [python, "second", 'withPipPackages("absent")'],
    c: [python, "third", 'withEnvVars({ A: "1" })'],
  });
  await mkdir(join(images.folder, "wheels"));
  const { code } = await run(images, "build", "image.ts", "--metadata-file", "built.json");
  expect(code).toBe(1);
  const metadata = JSON.parse(await readFile(join(images.folder, "built.json"), "utf8"));
  expect(metadata).toMatchObject({
    images: [{ export: "a", uri: expect.stringContaining("/first:") }],
    failed: { export: "b", message: expect.stringContaining("absent") },
  });
  expect(metadata.images).toHaveLength(1);
});

test.each([
  ["a base that is not there", (): Definition => [`${registry.host}/absent:1`, "b"], /absent/],
  [
    "a variable that is not set",
    (): Definition => [python, "b", 'withEnvVars({ PW: "pa$word" })'],
    /image\.ts#b: withEnvVars: the value of PW refers to "\$word".*\n.*write "\\\\\$" in the definition/,
  ],
] as const)("%s in the second is found before the first is built", async (_, second, message) => {
  await using images = await project({
    a: [python, "checked", 'withEnvVars({ A: "1" })'],
    b: second(),
  });
  const { code, stdout, stderr } = await run(images, "build", "image.ts");
  expect(stderr).toMatch(message);
  expect(stdout).toBe("");
  expect(code).toBe(1);
});

test("the lock of one changes nothing for another whose image has the same name", async () => {
  await using twins = await project({
    one: [python, "twin", 'withPipPackages("alpha")'],
    two: [python, "twin", 'withPipPackages("beta")'],
  });
  const wheels = join(twins.folder, "wheels");
  await mkdir(wheels);
  await writeTinyWheels(wheels, [
    { name: "alpha", version: "1.0" },
    { name: "beta", version: "1.0" },
  ]);
  const id = async (name: string) => (await run(twins, "id", `image.ts#${name}`)).stdout;
  const [one, two] = [await id("one"), await id("two")];

  expect(await run(twins, "lock", "image.ts#one")).toMatchObject({ code: 0 });
  expect(await id("one")).not.toBe(one);
  expect(await id("two")).toBe(two);

  const built = await run(twins, "build", "image.ts#two");
  expect(built).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(two.split("\t")[1] ?? ""),
  });
  expect(built.stderr).not.toContain("warning");
  expect(await run(twins, "build", "image.ts#one", "--locked")).toMatchObject({ code: 0 });

  const locked = await run(twins, "build", "image.ts#two", "--locked");
  expect(locked.code).toBe(1);
  expect(locked.stderr).toMatch(/pylock\.twin\.toml is that of image\.ts#one, .*this one has none/);
  expect(locked.stderr).toMatch(/a name of its own.*then: lamella lock image\.ts#two\./);
});

test("a plan says which image is there, shows what happens, and tells the good ones beside a bad one", async () => {
  await using images = await project({
    bad: [`${registry.host}/absent:1`, "planned-bad"],
    good: [python, "planned-good", 'withEnvVars({ A: "1" })', 'withWorkdir("/planned")'],
    worse: [python, "planned-worse", 'withEnvVars({ A: "$nothing" })'],
  });
  const before = await run(images, "plan", "image.ts", "--json");
  expect(before.code).toBe(1);
  expect(before.stderr).toMatch(/error: .*absent/);
  expect(before.stderr).toMatch(/error: image\.ts#worse: /);
  expect(before.stderr).toMatch(/\] base +docker\.io\/library\/python/);
  expect(JSON.parse(before.stdout)).toMatchObject([
    {
      export: "good",
      uri: expect.stringContaining("/planned-good:"),
      steps: [{ state: "to make" }],
    },
  ]);
  const { stdout } = await run(images, "build", "image.ts#good", "--progress", "quiet");
  const digest = stdout.trim().split("@")[1];
  const after = await run(images, "plan", "image.ts#good", "--progress", "quiet");
  expect(after).toMatchObject({ code: 0, stderr: "" });
  expect(after.stdout).toContain(`${digest} is there already: a build makes nothing`);
  const upgraded = await run(images, "plan", "image.ts#good", "--upgrade");
  expect(upgraded.stdout).not.toContain("is there already");
  const [data] = JSON.parse((await run(images, "plan", "image.ts#good", "--json")).stdout);
  expect(data).toMatchObject({
    existing: digest,
    steps: [{ state: "cached", layer: { size: expect.any(Number) } }],
  });
});
