import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningRegistry, startRegistry } from "../../testing/docker-registry.ts";
import { directory, makeLayer } from "../../testing/made-base.ts";
import { pushMadeImage } from "../../testing/made-image.ts";
import { type Config, emptyConfig } from "../config/config.ts";
import { PluginError } from "../config/error.ts";
import { Build } from "../engine/build.ts";
import type { BuildEvent } from "../engine/event.ts";
import { DefinitionError } from "../image/error.ts";
import { Image } from "../image/image.ts";
import type { Builder } from "./builder.ts";
import { BuilderError } from "./error.ts";
import { build, check, lock, plan } from "./index.ts";
import { registerPlugin } from "./plugin.ts";

let folder: string;
let registry: RunningRegistry;
let config: Config;
let image: Image;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-plugin-"));
  registry = await startRegistry();
  config = { ...emptyConfig, storeRoot: join(folder, "store") };
  await pushMadeImage(registry.host, "base", [await makeLayer([directory("etc")])]);
  image = Image.fromBase(`${registry.host}/base:1`, { name: "app" }).withEnvVars({ A: "1" });
});

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Adds a label, and leaves the rest to the local builder. */
const labelling: Builder = {
  name: "labelling",
  build: (given, options) => build(labelled(given), { ...options, builder: "local" }),
  plan: (given, options) => plan(labelled(given), { ...options, builder: "local" }),
  check: (given, options) => check(labelled(given), { ...options, builder: "local" }),
  lock: (given, options) => lock(labelled(given), { ...options, builder: "local" }),
};

function labelled(given: Image): Image {
  return given.withLabels({ owner: "acme" });
}

function failWith(failure: Error): Builder {
  const fail = async (): Promise<never> => {
    throw failure;
  };
  return { name: "failing", build: () => new Build(fail), plan: fail, check: fail, lock: fail };
}

/** What a build fails with, and the last that it said. */
async function failed(building: Build): Promise<{ error: unknown; last: BuildEvent | undefined }> {
  const events = await Array.fromAsync(building);
  const error = await building.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, last: events.at(-1) };
}

test("a plugin's builder builds where the configuration or an option names the plugin", async () => {
  using _ = registerPlugin({ name: "acme", builder: labelling });
  const { uri } = labelled(image);
  expect((await build(image, { config })).uri).toBe(image.uri);
  expect((await build(image, { config: { ...config, builder: "acme" } })).uri).toBe(uri);
  const building = build(image, { config, builder: "acme" });
  const events = await Array.fromAsync(building);
  expect(events[0]).toMatchObject({ kind: "started", uri });
  expect(events.at(-1)).toMatchObject({ kind: "finished", result: await building });
  const settings = { config: { ...config, builder: "acme" } };
  const planned = await plan(image, settings);
  expect(planned).toEqual(await plan(labelled(image), { config }));
  expect(planned).not.toEqual(await plan(image, { ...settings, builder: "local" }));
  await check(image, settings);
});

test("a plugin's builder that fails is an error that names it, for whoever awaits and whoever looks on", async () => {
  using _ = registerPlugin({ name: "acme", builder: failWith(new Error("no token")) });
  const options = { config, builder: "acme" };
  const { error, last } = await failed(build(image, options));
  expect(error).toBeInstanceOf(PluginError);
  expect(error).toMatchObject({ message: "The plugin acme: no token" });
  expect(last).toMatchObject({ kind: "failed", code: "plugin-failed" });
  for (const call of [plan, check, lock]) {
    await expect(call(image, options)).rejects.toThrow("The plugin acme: no token");
  }
  const typed = failWith(new DefinitionError("No owner.", "Name the owner."));
  using _typed = registerPlugin({ name: "typed", builder: typed });
  await expect(plan(image, { config, builder: "typed" })).rejects.toMatchObject({
    code: "plugin-failed",
    hint: "Name the owner.",
  });
});

test("a builder that was cancelled has not failed", async () => {
  using _ = registerPlugin({ name: "acme", builder: failWith(new Error("stopped")) });
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  await expect(plan(image, { config, builder: "acme", signal })).rejects.toBe(reason);
});

test("a builder that is not here is an error that lists those that are", async () => {
  using _ = registerPlugin({ name: "acme", builder: labelling });
  using _silent = registerPlugin({ name: "image-only" });
  const { error, last } = await failed(build(image, { config, builder: "image-only" }));
  expect(error).toBeInstanceOf(BuilderError);
  expect(error).toMatchObject({
    message: "There is no builder image-only.",
    hint: expect.stringContaining("local, acme."),
  });
  expect(last).toMatchObject({ kind: "failed", code: "builder-unknown" });
  await expect(plan(image, { config: { ...config, builder: "remote" } })).rejects.toMatchObject({
    code: "builder-unknown",
    hint: expect.stringContaining("--builder local"),
  });
});

test("a builder is an object with all of its functions", () => {
  const incomplete = { ...labelling, lock: undefined } as unknown as Builder;
  expect(() => registerPlugin({ name: "x", builder: incomplete })).toThrow(
    "the plugin's builder is",
  );
});
