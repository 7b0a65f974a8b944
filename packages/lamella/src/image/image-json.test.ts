import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { mutations, type Schema, schemaValues } from "../../testing/schema-values.ts";
import { DefinitionError } from "./error.ts";
import { Image } from "./image.ts";
import type { ImageJson } from "./image-json.ts";
import type { LayerDefinition } from "./layer.ts";

const schema = JSON.parse(
  readFileSync(new URL("../../image.schema.json", import.meta.url), "utf8"),
) as Schema;
const isValid = new Ajv2020({ strict: false }).compile(schema);

const root = mkdtempSync(join(tmpdir(), "lamella-json-"));
for (const name of ["src", "lib"]) mkdirSync(join(root, name));
for (const name of ["src/a.py", "src/b.py", "lib/c.py"]) writeFileSync(join(root, name), name);
for (const name of ["requirements.txt", "other.txt"]) writeFileSync(join(root, name), `# ${name}`);
for (const [name, folder, digit] of [
  ["uv.lock", ".", "1"],
  ["other.lock", ".", "2"],
  ["lib/uv.lock", "..", "3"],
] as const) {
  writeFileSync(join(root, name), uvLock(folder, digit));
}
for (const name of ["script.py", "other.py"]) {
  writeFileSync(join(root, name), `# /// script\n# dependencies = ["${name}"]\n# ///\n`);
}
for (const name of ["", "lib"]) {
  writeFileSync(
    join(root, name, "pyproject.toml"),
    `[project]\nname = "app${name}"\n[tool.poetry.extras]\nmore = ["more"]\nmost = ["most"]\n[tool.poetry.group]\ndev = {}\ndocs = { optional = true }\ntest = { optional = true }\n`,
  );
}
for (const [name, digit] of [
  ["poetry.lock", "4"],
  ["other-poetry.lock", "5"],
  ["lib/poetry.lock", "6"],
] as const) {
  writeFileSync(join(root, name), lockOfPoetry(digit));
}
writeFileSync(join(root, ".dockerignore"), "src/b.py\n");
afterAll(() => rmSync(root, { recursive: true }));

/** A lock of Poetry for what those projects have in common. */
function lockOfPoetry(digit: string): string {
  const packages = ["a", "dev", "docs", "more", "most", "test"].map((name) => {
    const isExtra = name.startsWith("mo");
    const group = isExtra || name === "a" ? "main" : name;
    const marker = isExtra ? `markers = 'extra == "${name}"'\n` : "";
    return `[[package]]\nname = "${name}"\nversion = "1"\noptional = ${isExtra}\ngroups = ["${group}"]\n${marker}files = [{ file = "${name}-1-py3-none-any.whl", hash = "sha256:${digit.repeat(64)}" }]\n`;
  });
  // As Python writes it, which Poetry hashes.
  const asked =
    '{"dependencies": null, "dev-dependencies": null, "extras": {"more": ["more"], "most": ["most"]}, "group": {"dev": {}, "docs": {"optional": true}, "test": {"optional": true}}, "source": null}';
  const hash = createHash("sha256").update(asked).digest("hex");
  return `${packages.join("")}[metadata]\nlock-version = "2.1"\ncontent-hash = "${hash}"\n`;
}

/** Extras or groups, each of the one package of its name. */
function alone(names: readonly string[]): string {
  return names.map((name) => `${name} = [{ name = "${name}" }]\n`).join("");
}

/** A lock of two projects; `way` is that to the first of them. */
function uvLock(way: string, digit: string): string {
  const needed = ["a", "dev", "docs", "more", "most", "test"];
  const files = needed.map((name) => {
    const hash = `sha256:${digit.repeat(64)}`;
    const wheel = `https://index.example/${name}-1-py3-none-any.whl`;
    return `[[package]]\nname = "${name}"\nversion = "1"\nsource = { registry = "https://index.example" }\nwheels = [{ url = "${wheel}", hash = "${hash}" }]\n`;
  });
  const projects = ["", "lib"].map(
    (name) =>
      `[[package]]\nname = "app${name}"\nversion = "${name}1"\nsource = { editable = "${way}/${name}" }\ndependencies = [{ name = "a" }]\n[package.optional-dependencies]\n${alone(["more", "most"])}[package.dev-dependencies]\n${alone(["dev", "docs", "test"])}`,
  );
  return `version = 1\n${[...files, ...projects].join("")}`;
}

/** Images in JSON as the schema has them, with files that are there. Some combine what cannot be combined. */
const jsons = schemaValues(schema).map((value) => ({ ...(value as ImageJson), root }));

/** The image, or nothing where its parts are good and do not go together: two secrets at one place, for example. */
function imageOf(json: unknown): Image | undefined {
  try {
    return Image.fromJSON(json);
  } catch (error) {
    expect(error).toBeInstanceOf(DefinitionError);
    return undefined;
  }
}

describe("an image in JSON", () => {
  test("comes back as it went, and is what the schema says", () => {
    const check = fc.property(jsons, (json) => {
      const image = imageOf(json);
      fc.pre(image !== undefined);
      const text = JSON.stringify(image);
      expect(JSON.parse(text)).toEqual(json);
      expect(isValid(JSON.parse(text)), JSON.stringify(isValid.errors)).toBe(true);
      expect(Image.fromJSON(JSON.parse(text)).equals(image)).toBe(true);
      expect(Image.fromJSON(structuredClone(image.toJSON())).equals(image)).toBe(true);
    });
    fc.assert(check, { numRuns: 300 });
  });

  test("of every kind of layer comes back", () => {
    const image = Image.fromUvScript(join(root, "script.py"), { installFlyte: false, tag: "v1" })
      .withAptPackages("git")
      .withCommands(["ls"], { secretMounts: ["a", { key: "b", mountPath: "/b" }] })
      .withPipPackages(["six"], { pre: true })
      .withRequirements(join(root, "requirements.txt"))
      .withUvProject("pyproject.toml", { extras: ["more"], projectInstallMode: "install_project" })
      .withPoetryProject("lib/pyproject.toml", { groups: ["docs"], defaultGroups: false })
      .withSourceFolder("src", "/app")
      .withSourceFile(["a", "b"])
      .withEnvVars({ A: "1" })
      .withWorkdir("/w")
      .withEntrypoint(["a"], { command: [] })
      .withLabels({ a: "b" })
      .withUser("0")
      .withDockerignore(".dockerignore");
    const kinds = new Set(image.definition.layers.map(({ kind }) => kind));
    const alternatives = schema.$defs?.["layer"]?.oneOf ?? [];
    expect([...kinds].sort()).toEqual(
      alternatives.map(({ properties }) => properties?.["kind"]?.const as string).sort(),
    );
    expect(Image.fromJSON(JSON.parse(JSON.stringify(image))).equals(image)).toBe(true);
    expect(isValid(JSON.parse(JSON.stringify(image))), JSON.stringify(isValid.errors)).toBe(true);
  });

  const plain = Image.fromBase("debian", { name: "a" }).withWorkdir("/w").toJSON();
  test.each([
    [{ ...plain, version: 2 }, "written by a newer Lamella: version 2"],
    [{ ...plain, version: undefined }, "says version undefined"],
    [{ ...plain, more: 1 }, "does not have its more"],
    [{ ...plain, layers: [{ kind: "new" }] }, 'Unknown kind of layer: "new"'],
    [{ ...plain, layers: [{ kind: "workdir", path: "/w", more: 1 }] }, "does not have its more"],
    [{ ...plain, layers: [{ kind: "workdir", path: "w" }] }, "withWorkdir: the path"],
    [{ ...plain, layers: {} }, "does not have its layers"],
    [{ ...plain, root: "." }, "has the root"],
    [{ ...plain, base: { kind: "registry" } }, "the base's reference"],
    [{ ...plain, base: { kind: "debian" } }, "pythonVersion is undefined"],
    [
      { ...plain, pythonVersion: "3.12", base: { kind: "debian", flyteVersion: "2", image: "a" } },
      "names another base",
    ],
    [[], "An image is"],
  ])("is refused where anything in it is not known: %j", (json, message) => {
    expect(() => Image.fromJSON(json)).toThrow(message);
  });
});

test("an image cannot be changed, not even by casts", () => {
  const image = Image.fromBase("debian", { name: "a" }).withEnvVars({ A: "1" });
  const open = image as unknown as Record<string, unknown>;
  const [layer] = image.definition.layers as unknown as { variables: Record<string, string> }[];
  expect(() => (open["definition"] = {})).toThrow(TypeError);
  expect(() => (open["more"] = 1)).toThrow(TypeError);
  expect(() => ((layer as { variables: Record<string, string> }).variables["A"] = "2")).toThrow(
    TypeError,
  );
  expect(() => (image.definition.layers as unknown[]).push({})).toThrow(TypeError);
});

/** What decides what is in the image: where it goes is left out, and what says nothing. */
function meaning({
  version: _,
  registry: _registry,
  name: _name,
  tag: _tag,
  root: _root,
  ignoreFile,
  ...json
}: ImageJson): string {
  const sources = json.layers.some(
    (layer) =>
      layer.kind.startsWith("source-") ||
      ("projectInstallMode" in layer && layer.projectInstallMode === "install_project"),
  );
  return stable({
    ...json,
    ignoreFile: sources ? ignoreFile : undefined,
    layers: json.layers.map(said),
  });
}

function said(layer: LayerDefinition): unknown {
  const { pre, extraIndexUrls, copyContentsOnly, ...rest } = layer as unknown as Record<
    string,
    unknown
  >;
  return {
    ...rest,
    ...(pre === true && { pre }),
    ...(Array.isArray(extraIndexUrls) && extraIndexUrls.length > 0 && { extraIndexUrls }),
    ...(layer.kind.startsWith("source-") && placement({ ...rest, copyContentsOnly })),
    ...(layer.kind.endsWith("-project") && chosen(rest)),
  };
}

function sortedSet(list: unknown): readonly string[] {
  return [...new Set((list as readonly string[] | undefined) ?? [])].sort();
}

/**
 * What is chosen anyway is not chosen; the order of choices says nothing, nor does which of two projects it is whose
 * dependencies one lock of Poetry names.
 */
function chosen({
  kind,
  pyproject,
  poetryLock,
  projectInstallMode,
  defaultGroups,
  extras,
  groups,
}: Record<string, unknown>): object {
  const isInstalled = projectInstallMode === "install_project";
  const isShared = kind === "poetry-project" && poetryLock !== undefined && !isInstalled;
  return {
    pyproject: isShared ? undefined : pyproject,
    projectInstallMode: isInstalled,
    defaultGroups: defaultGroups !== false,
    extras: sortedSet(extras),
    groups: sortedSet(groups),
  };
}

/** Without a destination, or with ".", it is the workdir; a slash at the end of that of files asks for a folder. */
function placement({
  kind,
  source,
  sources,
  destination = ".",
  copyContentsOnly,
}: Record<string, unknown>): object {
  const path = String(destination).replace(/\/$/, "");
  if (kind === "source-file") {
    const isFolder = path !== destination || path === "." || (sources as unknown[]).length > 1;
    return { destination: path, isFolder };
  }
  return { source, destination: path === "." && copyContentsOnly !== true ? source : path };
}

/** JSON in which the order of fields says nothing. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

describe("the identifier", () => {
  test("changes with all that can change the image, and with nothing else", () => {
    const seen = new Map<string, string>();
    const check = fc.property(jsons, (json) => {
      const image = imageOf(json);
      fc.pre(image !== undefined);
      for (const other of [json, ...mutations(schema, json)] as ImageJson[]) {
        const changed = imageOf({ ...other, root });
        if (!changed) continue;
        const same = meaning(changed.toJSON()) === meaning(image.toJSON());
        // A rule that ignores nothing of what is copied says nothing either.
        if (!same && other.ignoreFile !== json.ignoreFile) continue;
        expect(changed.identifier === image.identifier, stable([json, other])).toBe(same);
        const before = seen.get(changed.identifier);
        if (changed.definition.ignoreFile === undefined) {
          expect(before ?? meaning(changed.toJSON())).toBe(meaning(changed.toJSON()));
          seen.set(changed.identifier, meaning(changed.toJSON()));
        }
      }
    });
    fc.assert(check, { numRuns: 200 });
    expect(seen.size).toBeGreaterThan(500);
  });
});
