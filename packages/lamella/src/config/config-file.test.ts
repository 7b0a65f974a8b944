import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigFile } from "./config-file.ts";
import { ConfigFileError, ConfigFileUnreadableError } from "./error.ts";

let cwd: string;
let home: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "lamella-config-file-"));
  home = join(cwd, "home");
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

async function write(path: string, text = "[images]\n"): Promise<string> {
  const file = join(cwd, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

const find = (env: Record<string, string> = {}, order?: "v1" | "v2") =>
  ConfigFile.auto({ cwd, env: { HOME: home, ...env }, ...(order && { order }) });

test("the first file that is there is read, and no other", async () => {
  expect(await find()).toBeUndefined();
  const inHome = await write("home/.flyte/config", "[a]\nb = 1\n");
  expect((await find())?.get("a", "b")).toBe("1");
  const here = await write("flytekit.config");
  expect((await find())?.path).toBe(here);
  const near = await write("config.yaml", "a: { b: 2 }");
  expect((await find())?.get("a", "b")).toBe(2);
  expect((await find({}, "v2"))?.path).toBe(near);
  expect((await find({}, "v1"))?.path).toBe(here);
  await rm(here);
  expect((await find({}, "v1"))?.path).toBe(inHome);
});

test("a file that a variable names must be there", async () => {
  const file = await write("there.yaml", "");
  expect((await find({ FLYTECTL_CONFIG: file }))?.path).toBe(file);
  const missing = find({ FLYTECTL_CONFIG: "nowhere.yaml" });
  await expect(missing).rejects.toThrow(ConfigFileUnreadableError);
  await expect(missing).rejects.toMatchObject({
    message: `Cannot read the configuration file ${join(cwd, "nowhere.yaml")}: it is not there.`,
    hint: expect.stringContaining("FLYTECTL_CONFIG"),
  });
});

test("a malformed file is an error with file, line and column, not a warning", async () => {
  const yaml = await write("config.yaml", "a: 1\nb: [\n");
  await expect(find()).rejects.toThrow(ConfigFileError);
  await expect(find()).rejects.toThrow(`${yaml}:3:1: not valid YAML`);
  const ini = await write("flytekit.config", "[a]\n  ???\n");
  await expect(find({}, "v1")).rejects.toThrow(`${ini}:2:3: not a valid INI file`);
});

test("a file's format goes by its name", async () => {
  const formats = ["a.yaml", "a.yml", "a.json", "config", "flytekit.config", "a.ini"].map(
    async (name) => (await ConfigFile.parse("", name)).format,
  );
  expect(await Promise.all(formats)).toEqual(["yaml", "yaml", "yaml", "ini", "ini", "ini"]);
});

test("get follows a path of names, and only of the file's own", async () => {
  const file = await ConfigFile.parse("a: { b: [1] }\nc: text", "f.yaml");
  expect(file.get("a", "b")).toEqual([1]);
  expect(file.get("a", "constructor")).toBeUndefined();
  expect(file.get("c", "length")).toBeUndefined();
  expect(file.get()).toEqual({ a: { b: [1] }, c: "text" });
});
