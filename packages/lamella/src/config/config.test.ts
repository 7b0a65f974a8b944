import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emptyConfig, loadConfig, withNamedImages } from "./config.ts";
import { ConfigFile } from "./config-file.ts";
import { ConfigFileError, ConfigFileUnreadableError } from "./error.ts";
import { readFileSettings } from "./file-settings.ts";
import { NamedImage } from "./named-image.ts";

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "lamella-config-"));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

async function load(yaml: string, env: Record<string, string> = {}) {
  await writeFile(join(cwd, "config.yaml"), yaml);
  return loadConfig({ cwd, env });
}

describe("loadConfig", () => {
  test("without a file and variables nothing is set", async () => {
    const config = await loadConfig({ cwd: join(cwd, "nowhere"), env: {} });
    expect(config).toEqual(emptyConfig);
  });

  test("reads our section of Flyte's file, and Flyte's registry", async () => {
    const config = await load(
      [
        "admin: { endpoint: dns:///flyte.example }",
        "lamella:",
        "  registries:",
        "    docker.io: { mirror: localhost:5000/hub }",
        "    registry.example:8443:",
        "      ca: certificates/ours.pem",
        "      plainHttp: false",
        "  store: ~/images",
        "  python:",
        "    findLinks: [wheels, https://wheels.example/list]",
        "    noIndex: true",
        "  steps: { timeout: 30m, memory: 4GB }",
        "image:",
        "  registry: ghcr.io/acme",
        "  builder: local",
      ].join("\n"),
      { HOME: "/home/ada" },
    );
    expect(config.registries).toEqual({
      "docker.io": { mirror: "localhost:5000/hub" },
      "registry.example:8443": { ca: join(cwd, "certificates/ours.pem"), plainHttp: false },
    });
    expect(config.storeRoot).toBe("/home/ada/images");
    expect(config.defaultRegistry).toBe("ghcr.io/acme");
    expect(config.python).toEqual({
      findLinks: [join(cwd, "wheels"), "https://wheels.example/list"],
      noIndex: true,
    });
    expect(config.steps).toEqual({ timeout: 1_800_000, memory: 4_000_000_000 });
    expect(config.warnings).toEqual([]);
    expect(config.sources.get("steps/memory")).toMatchObject({ line: 12 });
    expect(config.sources.get("registries/docker.io/mirror")).toEqual({
      kind: "file",
      file: join(cwd, "config.yaml"),
      line: 4,
      column: 26,
    });
    expect(config.sources.get("defaultRegistry")).toMatchObject({ line: 14 });
  });

  test("the environment wins, and is named as the source; an empty variable is none", async () => {
    const yaml = "lamella: { store: here }\nimage: { registry: ghcr.io/acme }";
    const config = await load(yaml, { LAMELLA_HOME: "/big", FLYTE_IMAGE_REGISTRY: "quay.io/a" });
    expect(config.storeRoot).toBe("/big");
    expect(config.defaultRegistry).toBe("quay.io/a");
    expect(config.sources.get("storeRoot")).toEqual({
      kind: "environment",
      variable: "LAMELLA_HOME",
    });
    const unset = await load(yaml, { LAMELLA_HOME: "", FLYTE_IMAGE_REGISTRY: "" });
    expect(unset.storeRoot).toBe(join(cwd, "here"));
    expect(unset.defaultRegistry).toBe("ghcr.io/acme");
  });

  test("the builder is the variable's, else ours, else Flyte's; plugins keep their order", async () => {
    const yaml = "image: { builder: remote }\nlamella: { builder: acme, plugins: [b, ./a.js] }";
    const config = await load(yaml);
    expect(config).toMatchObject({ builder: "acme", plugins: ["b", "./a.js"] });
    expect(config.sources.get("builder")).toMatchObject({ line: 2, column: 21 });
    expect(config.sources.get("plugins")).toMatchObject({ line: 2 });
    expect((await load("image: { builder: remote }")).builder).toBe("remote");
    const given = await load(yaml, { FLYTE_IMAGE_BUILDER: "local" });
    expect(given.builder).toBe("local");
    expect(given.sources.get("builder")).toMatchObject({ variable: "FLYTE_IMAGE_BUILDER" });
  });

  test("images have names, in INI files too; an option goes before the file", async () => {
    await writeFile(
      join(cwd, "ours.ini"),
      "[images]\nspark = acme/spark\n[image]\nregistry = ghcr.io/a\n",
    );
    const config = await loadConfig({ cwd, file: "ours.ini", env: {} });
    expect(config.images).toEqual({ spark: "acme/spark" });
    expect(config.defaultRegistry).toBe("ghcr.io/a");
    expect(config.sources.get("images/spark")).toMatchObject({ line: 2, column: 9 });
    const given = [NamedImage.parse("spark", "acme/spark:v3"), NamedImage.parse("b", "acme/b:v1")];
    const { images, sources } = withNamedImages(config, given, "--image");
    expect(images).toEqual({ spark: "acme/spark:v3", b: "acme/b:v1" });
    expect(sources.get("images/spark")).toEqual({ kind: "option", option: "--image" });
  });

  test.each([
    "",
    "# nothing\n",
    "lamella:\n",
    "lamella: { registries: , python: }",
    "other: [1, 2]",
  ])("takes %j for empty", async (yaml) => {
    const config = await load(yaml);
    expect(config.registries).toEqual({});
    expect(config.warnings).toEqual([]);
  });

  test("warns of unknown settings of ours, with the nearest known name, and goes on", async () => {
    const config = await load(
      [
        "lamella:",
        "  registry: {}",
        "  registries:",
        "    docker.io: { miror: localhost:5000, plainHttp: true }",
        "  python: { zzz: 1 }",
        "  steps: { timeuot: 1m }",
        "  regitsries:",
        "    docker.io: {}",
        "unknownToUs: { mirror: 1 }",
        "image: { registy: x, platform: y, builder: local }",
        "imagess: {}",
      ].join("\n"),
    );
    const told = config.warnings.map(({ line, column, message }) => `${line}:${column} ${message}`);
    expect(told.sort()).toEqual([
      "10:10 unknown setting 'image.registy'; did you mean 'registry'?",
      "11:1 unknown setting 'imagess'; did you mean 'images'?",
      "2:3 unknown setting 'lamella.registry'",
      "4:18 unknown setting 'lamella.registries.docker.io.miror'; did you mean 'mirror'?",
      "5:13 unknown setting 'lamella.python.zzz'",
      "6:12 unknown setting 'lamella.steps.timeuot'; did you mean 'timeout'?",
      "7:3 unknown setting 'lamella.regitsries'; did you mean 'registries'?",
    ]);
    expect(config.registries).toEqual({ "docker.io": { plainHttp: true } });
  });

  test.each([
    ["lamella:\n  registries: [a]", 2, 15, "'lamella.registries' must be a mapping"],
    [
      "lamella:\n  registries:\n    docker.io: { mirror: 5000 }",
      3,
      26,
      "'lamella.registries.docker.io.mirror' must be text",
    ],
    ["lamella:\n  registries:\n    docker.io:\n      plainHttp: maybe", 4, 18, "true or false"],
    ["lamella: { registries: { a: { mirror: 'http://b/' } } }", 1, 39, "is no 'host'"],
    ["lamella: { registries: { 'a b': {} } }", 1, undefined, "is no 'host'"],
    ["lamella: { store: '' }", 1, 19, "must not be empty"],
    [
      "lamella: { steps: { timeout: 30 } }",
      1,
      30,
      "'lamella.steps.timeout' takes a number with s, m or h, for example 30m",
    ],
    ["lamella: { steps: { timeout: 30x } }", 1, 30, "for example 30m"],
    ["lamella: { steps: { memory: 4 GB } }", 1, 29, "for example 4GB"],
    ["image: { registry: 7 }", 1, 20, "'image.registry' must be text"],
    ["- a list", 1, 1, "the file must be a mapping"],
    ["lamella:\n  a: b\n c: d", 3, undefined, "not valid YAML"],
    ["a: 1\na: 2", 2, 1, "not valid YAML"],
  ])("says where %j is wrong", async (yaml, line, column, problem) => {
    const error = await load(yaml).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ConfigFileError);
    const { message, ...place } = error as ConfigFileError;
    expect(place.line).toBe(line);
    if (column !== undefined) expect(place.column).toBe(column);
    expect(message).toContain(`${join(cwd, "config.yaml")}:${line}:`);
    expect(message).toContain(problem);
  });

  test("a named file must be there", async () => {
    await expect(loadConfig({ cwd, file: "missing.yaml", env: {} })).rejects.toThrow(
      ConfigFileUnreadableError,
    );
  });

  test("whatever the text, the answer is a configuration or a typed error", async () => {
    const line = fc.constantFrom(
      "lamella:",
      "  registries:",
      "    docker.io: {mirror: x}",
      "  store: &a [*a]",
      "  python: {findLinks: [1]}",
      "  __proto__: {a: 1}",
      "    ? [complex]: 1",
      "\t- x",
      "image: *b",
      "---",
      "[images]",
      "[lamella]",
      "store = x",
      "spark : acme/spark",
    );
    const anyText = fc.oneof(
      fc.string(),
      fc.array(line).map((lines) => lines.join("\n")),
    );
    await fc.assert(
      fc.asyncProperty(anyText, fc.constantFrom("/f.yaml", "/f.config"), async (text, path) => {
        try {
          readFileSettings(await ConfigFile.parse(text, path), undefined);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigFileError);
        }
      }),
    );
  });
});
