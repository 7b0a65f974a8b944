import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from "vitest";
import { LamellaError } from "../error.ts";
import { withDefinitionRoot } from "./definition-root.ts";
import {
  DefinitionError,
  InvalidReferenceError,
  MissingFlyteVersionError,
  PythonVersionError,
} from "./error.ts";
import { Image } from "./image.ts";
import { lockSubject } from "./lock-subject.ts";
import { type Platform, UnsupportedPlatformError } from "./platform.ts";

const plain = { pythonVersion: "3.12", installFlyte: false } as const;
const base = Image.fromDebianBase({ ...plain, registry: "ghcr.io/acme", name: "trainer" });

/** What a definition file may pass, whose types nobody checked. */
const unchecked = (value: unknown): never => value as never;

function thrownBy(make: () => Image): LamellaError {
  try {
    make();
  } catch (error) {
    if (error instanceof LamellaError) return error;
  }
  throw new Error("Nothing typed was thrown.");
}

describe("an image", () => {
  test("is a frozen value, and each change a new one", () => {
    const before = structuredClone(base.definition);
    const changed = base
      .withAptPackages("git")
      .withCommands("make", { secretMounts: "token" })
      .withPipPackages("torch", "pandas")
      .withRequirements("requirements.txt")
      .withSourceFolder("./src", "/app")
      .withSourceFile("train.py")
      .withEnvVars({ MODE: "fast" })
      .withWorkdir("/app");
    expect(changed.definition.layers.map((layer) => layer.kind)).toEqual([
      "apt-packages",
      "commands",
      "pip-packages",
      "requirements",
      "source-folder",
      "source-file",
      "env",
      "workdir",
    ]);
    expect(base.definition).toEqual(before);
    expect(() => Object.assign(base, { name: "other" })).toThrow(TypeError);
    expect(() => Object.assign(changed.definition, { name: "other" })).toThrow(TypeError);
    expect(() => Object.assign(changed.definition.layers[0] ?? {}, { packages: [] })).toThrow(
      TypeError,
    );
    expect(Object.isFrozen(changed.definition.user?.owns)).toBe(true);
  });

  test("does not change when what it was made of does", () => {
    const packages = ["torch"];
    const variables: Record<string, string> = { A: "1" };
    const image = base.withPipPackages(packages).withEnvVars(variables);
    packages.push("pandas");
    variables["B"] = "2";
    expect(image.definition.layers).toEqual([
      { kind: "pip-packages", packages: ["torch"] },
      { kind: "env", variables: { A: "1" } },
    ]);
  });

  test("is plain data underneath, without anything undefined", () => {
    const { definition } = Image.fromBase("x", { name: "n", tag: undefined }).withPipPackages("a", {
      pre: true,
      indexUrl: undefined,
    });
    expect(JSON.parse(JSON.stringify(definition))).toStrictEqual(definition);
    expect(structuredClone(definition)).toStrictEqual(definition);
    expect(definition).toStrictEqual({
      base: { kind: "registry", reference: "x" },
      name: "n",
      root: process.cwd(),
      layers: [{ kind: "pip-packages", packages: ["a"], pre: true }],
    });
  });

  test("keeps a variable called __proto__", () => {
    const variables = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
    const [layer] = base.withEnvVars(variables).definition.layers;
    expect(JSON.stringify(layer)).toBe('{"kind":"env","variables":{"__proto__":"x"}}');
  });

  test("is the same when nothing is added", () => {
    expect(base.withPipPackages()).toBe(base);
    expect(base.withPipPackages([], { pre: true })).toBe(base);
    expect(base.withSourceFile([])).toBe(base);
    expect(base.withAptPackages([])).toBe(base);
    expect(base.withCommands()).toBe(base);
    expect(base.withEnvVars({})).toBe(base);
  });

  test("has types that lead the way", () => {
    const ways = [
      base.withPipPackages("a", "b"),
      base.withPipPackages("a", { pre: true }),
      base.withPipPackages(["a"], { indexUrl: undefined }),
      base.withSourceFolder("src", { copyContentsOnly: true }),
      base.withSourceFolder(new URL("file:///src"), "/app", {}),
      base.withSourceFile(["a", "b"], undefined),
      base.withAptPackages("git", "g++"),
      base.withAptPackages("git", { secretMounts: "apt" }),
      base.withCommands(["make"], { secretMounts: ["a", { key: "b", envVar: "C" }] }),
      base.withPipPackages("a", { secretMounts: { key: "b", mountPath: "/c" } }),
      base.withRequirements("a.txt", { secretMounts: undefined }),
    ];
    expectTypeOf(ways).toEqualTypeOf<Image[]>();
    expect(ways.every((image) => image instanceof Image)).toBe(true);
    expectTypeOf(base.withWorkdir("/x")).toEqualTypeOf<Image>();
    expectTypeOf(base.clone({ tag: undefined })).toEqualTypeOf<Image>();
    expectTypeOf(base.uri).toEqualTypeOf<string>();
    expectTypeOf(base.platforms).toEqualTypeOf<readonly Platform[] | undefined>();
    expectTypeOf<Image>().not.toExtend<{ uri: number }>();
    const wrong = (): void => {
      // @ts-expect-error -- a list inside a list
      base.withPipPackages(["a", ["b"]]);
      // @ts-expect-error -- a secret has a name, and no value
      base.withCommands("make", { secretMounts: { key: "a", value: "b" } });
      // @ts-expect-error -- no such option
      Image.fromDebianBase({ python: "3.12" });
      // @ts-expect-error -- only `with*` and `from*` make images
      const made = new Image(base.definition);
      // @ts-expect-error -- read only
      made.definition.layers.push({ kind: "workdir", path: "/" });
    };
    expect(wrong).toThrow(DefinitionError);
  });
});

describe("fromDebianBase", () => {
  test("without Flyte is the official Python image and what Flyte's tasks expect", () => {
    expect(Image.fromDebianBase(plain).definition).toStrictEqual({
      base: { kind: "debian" },
      pythonVersion: "3.12",
      root: process.cwd(),
      user: {
        name: "flyte",
        shell: "/bin/bash",
        home: "/home/flyte",
        owns: ["/home/flyte", "/root"],
      },
      environment: { VIRTUAL_ENV: "/opt/venv", PYTHONPATH: "/root", UV_LINK_MODE: "copy" },
      workdir: "/home/flyte",
      layers: [],
    });
  });

  test("with Flyte is the published image, used as it is", () => {
    for (const flyteVersion of ["2.0.0", "v2.0.0"]) {
      const image = Image.fromDebianBase({ pythonVersion: "3.11", flyteVersion });
      expect(image.uri).toBe("ghcr.io/flyteorg/flyte:py3.11-v2.0.0");
      expect(image.name).toBeUndefined();
      expect(image.definition.user).toBeUndefined();
    }
    const local = Image.fromDebianBase({ pythonVersion: "3.11", flyteVersion: "2.0.0b1+g12" });
    expect(local.uri).toBe("ghcr.io/flyteorg/flyte:py3.11-v2.0.0b1-g12");
  });

  test("is called flyte when it is extended and has no name", () => {
    const image = Image.fromDebianBase({ pythonVersion: "3.11", flyteVersion: "2.0.0" });
    const extended = image.withPipPackages("torch");
    expect(extended.name).toBe("flyte");
    expect(extended.uri).toMatch(/^flyte:[0-9a-f]{32}$/);
  });

  test("wants the version of Flyte, and says both ways", () => {
    const error = thrownBy(() => Image.fromDebianBase({ pythonVersion: "3.12" }));
    expect(error).toBeInstanceOf(MissingFlyteVersionError);
    expect(error.hint).toMatch(/flyteVersion: [^]*installFlyte: false/);
  });

  test("knows for which Python Flyte is published", () => {
    const error = thrownBy(() =>
      Image.fromDebianBase({ pythonVersion: "3.9", flyteVersion: "2.0.0" }),
    );
    expect(error).toBeInstanceOf(PythonVersionError);
    expect(error.hint).toContain("3.10, 3.11, 3.12, 3.13, 3.14");
    expect(Image.fromDebianBase({ pythonVersion: "3.9", installFlyte: false }).uri).toMatch(/^fly/);
  });

  test("starts from another image on demand", () => {
    const baseImage = "registry.example.com/org/private:latest";
    const asItIs = Image.fromDebianBase({ pythonVersion: "3.12", baseImage });
    expect(asItIs.uri).toBe(baseImage);
    expect(asItIs.definition.user).toBeUndefined();
    const made = Image.fromDebianBase({ ...plain, baseImage, name: "my-image" });
    expect(made.definition.user?.name).toBe("flyte");
    expect(made.uri).toMatch(/^my-image:/);
    for (const clash of [
      { baseImage, flyteVersion: "2.0.0" },
      { installFlyte: false, flyteVersion: "2.0.0" },
    ]) {
      expect(() => Image.fromDebianBase({ pythonVersion: "3.12", ...clash })).toThrow(
        DefinitionError,
      );
    }
  });

  test.each([3.12, "3", "3.12.4", "4.0", "3.1O", "3.012", [3, 12], null])(
    "refuses %j as Python version",
    (pythonVersion) => {
      expect(() =>
        Image.fromDebianBase({ ...plain, pythonVersion: unchecked(pythonVersion) }),
      ).toThrow(PythonVersionError);
    },
  );

  test("takes its Python version from the project when none is given", async () => {
    const root = await mkdtemp(join(tmpdir(), "image-"));
    await writeFile(join(root, ".python-version"), "3.10\n");
    const image = withDefinitionRoot(root, () => Image.fromDebianBase({ installFlyte: false }));
    expect(image.definition).toMatchObject({ pythonVersion: "3.10", root });
    await rm(root, { recursive: true });
  });
});

describe("naming", () => {
  test("a base as it is has its own URI, as it was written", () => {
    for (const reference of ["ubuntu:22.04", "ghcr.io/a/b@sha256:".padEnd(83, "0")]) {
      expect(Image.fromBase(reference).uri).toBe(reference);
      expect(Image.fromBase(reference).name).toBeUndefined();
    }
  });

  test("registry, name and tag make the URI", () => {
    expect(base.uri).toBe(`ghcr.io/acme/trainer:${base.identifier.slice(0, 32)}`);
    expect(base.identifier).toMatch(/^[0-9a-f]{64}$/);
    const tagged = base.clone({ tag: "v1" });
    expect([tagged.uri, tagged.tag, tagged.registry]).toEqual([
      "ghcr.io/acme/trainer:v1",
      "v1",
      "ghcr.io/acme",
    ]);
    expect(Image.fromBase("x", { name: "team/n", tag: "t" }).uri).toBe("team/n:t");
    expect(Image.fromBase("x", { registry: "localhost:5000", name: "n", tag: "t" }).uri).toBe(
      "localhost:5000/n:t",
    );
  });

  test("a layer needs a name, which clone can give", () => {
    const image = Image.fromBase("ubuntu:22.04");
    expect(() => image.withPipPackages("six")).toThrow(
      'withPipPackages("six") on an image without a name: ubuntu:22.04.',
    );
    expect(image.clone({ name: "mine" }).withPipPackages("six").name).toBe("mine");
    expect(() => Image.fromBase("x", { registry: "ghcr.io" })).toThrow(DefinitionError);
    expect(() => Image.fromBase("x", { tag: "v1" })).toThrow(DefinitionError);
  });

  test.each([
    { registry: "https://ghcr.io" },
    { registry: "ghcr.io/" },
    { registry: "ghcr.io/Acme" },
    { registry: "" },
    { registry: "a b" },
    { registry: 5000 },
    { name: "Trainer" },
    { name: "a:b" },
    { name: "a/" },
    { name: "" },
    { tag: "a b" },
    { tag: ".x" },
    { nme: "x" },
    null,
    "x",
    [],
  ])("refuses %j", (options) => {
    const given = unchecked(
      typeof options === "object" && options && !Array.isArray(options)
        ? { name: "n", ...options }
        : options,
    );
    expect(() => Image.fromBase("x", given)).toThrow(DefinitionError);
  });

  test("a reference that is none is refused", () => {
    expect(() => Image.fromBase("https://x")).toThrow(InvalidReferenceError);
    expect(() => Image.fromBase("")).toThrow(DefinitionError);
    expect(() => Image.fromBase(unchecked(undefined))).toThrow(DefinitionError);
  });

  test("clone changes what it is given and nothing else", () => {
    const clone = base.clone({ name: "other", pythonVersion: "3.13", platforms: ["linux/arm64"] });
    expect(clone.definition).toEqual({
      ...base.definition,
      name: "other",
      pythonVersion: "3.13",
      platforms: ["linux/arm64"],
    });
    const flyte = Image.fromDebianBase({ pythonVersion: "3.11", flyteVersion: "2.0.0" });
    expect(flyte.clone({ pythonVersion: "3.12" }).uri).toContain(":py3.12-");
    expect(() => flyte.clone({ pythonVersion: "3.9" })).toThrow(PythonVersionError);
  });

  test("platforms are a set", () => {
    const both = Image.fromBase("x", { platforms: ["linux/arm64", "linux/amd64", "linux/arm64"] });
    expect(both.platforms).toEqual(["linux/amd64", "linux/arm64"]);
    expect(Image.fromBase("x", { platform: "linux/arm64" }).platforms).toEqual(["linux/arm64"]);
    expect(Image.fromBase("x").platforms).toBeUndefined();
    expect(() => Image.fromBase("x", { platforms: [] })).toThrow(DefinitionError);
    expect(() =>
      Image.fromBase("x", { platform: "linux/amd64", platforms: ["linux/amd64"] }),
    ).toThrow(DefinitionError);
    expect(() => Image.fromBase("x", { platform: unchecked("windows/amd64") })).toThrow(
      UnsupportedPlatformError,
    );
  });
});

describe("shapes are checked at construction", () => {
  test.each<[string, () => Image]>([
    ["a list inside a list", () => base.withPipPackages(unchecked(["a", ["b"]]))],
    ["a list among packages", () => base.withPipPackages("a", unchecked(["b"]))],
    ["two lists", () => base.withPipPackages(["a"], unchecked(["b"]))],
    ["a list and more", () => base.withPipPackages(unchecked(["a"]), unchecked({}), unchecked(1))],
    ["a package that is not there", () => base.withPipPackages(unchecked(undefined))],
    ["an empty package", () => base.withPipPackages("")],
    ["a blank package", () => base.withPipPackages("  ")],
    ["a number", () => base.withPipPackages(unchecked(1), "a")],
    ["two packages in one", () => base.withPipPackages("a\nb")],
    ["an option", () => base.withPipPackages("--index-url=x")],
    ["an editable", () => base.withPipPackages("-e .")],
    ["a NUL", () => base.withPipPackages("a\0")],
    ["half a surrogate pair", () => base.withPipPackages("a\uD800")],
    ["an unknown option", () => base.withPipPackages("a", unchecked({ index: "x" }))],
    ["a wrong option", () => base.withPipPackages("a", unchecked({ pre: "yes" }))],
    [
      "an index list that is a text",
      () => base.withPipPackages("a", unchecked({ extraIndexUrls: "x" })),
    ],
    ["an index's password", () => base.withPipPackages("a", { indexUrl: "https://u:pw@h/simple" })],
    ["requirements that are not .txt", () => base.withRequirements("pyproject.toml")],
    ["a folder without a name", () => base.withSourceFolder(".")],
    ["its parent", () => base.withSourceFolder("../..", ".")],
    ["an escaping destination", () => base.withSourceFolder("src", "../x")],
    ["one in the middle", () => base.withSourceFolder("src", "/a/../../x")],
    ["a NUL in a path", () => base.withSourceFile("a\0b")],
    ["a URL elsewhere", () => base.withSourceFile(new URL("https://h/a"))],
    ["two files of one name", () => base.withSourceFile(["a/x.py", "b/x.py"], "/app")],
    ["a relative workdir", () => base.withWorkdir("app")],
    ["an escaping workdir", () => base.withWorkdir("/app/..")],
    ["a name of a variable with =", () => base.withEnvVars({ "A=B": "1" })],
    ["one with a digit first", () => base.withEnvVars({ "1A": "1" })],
    ["an empty one", () => base.withEnvVars({ "": "1" })],
    ["a NUL in a value", () => base.withEnvVars({ A: "\0" })],
    ["a number for a value", () => base.withEnvVars(unchecked({ A: 1 }))],
    ["no variables", () => base.withEnvVars(unchecked(["A"]))],
  ])("%s is refused", (_, make) => {
    expect(make).toThrow(DefinitionError);
  });

  test("what is right is taken", () => {
    const image = base
      .withPipPackages([" six "], { extraIndexUrls: ["https://$USER@h/"] })
      .withSourceFolder(pathToFileURL("/srv/src"), "/a//b/./c/")
      .withSourceFolder(".", { copyContentsOnly: true })
      .withWorkdir("//app/")
      .withEnvVars({ EMPTY: "", _x1: "=" });
    expect(image.definition.layers).toEqual([
      {
        kind: "pip-packages",
        packages: ["six"],
        extraIndexUrls: ["https://$USER@h/"],
      },
      { kind: "source-folder", source: "/srv/src", destination: "/a//b/./c/" },
      { kind: "source-folder", source: ".", copyContentsOnly: true },
      { kind: "workdir", path: "/app" },
      { kind: "env", variables: { EMPTY: "", _x1: "=" } },
    ]);
  });

  test("an error names the call and what was given, shortly", () => {
    expect(() => base.withPipPackages(unchecked(["a", ["b"]]))).toThrow(
      "withPipPackages: a package is a list: [ 'b' ].",
    );
    expect(() => base.withEnvVars({ "x y": "" })).toThrow('withEnvVars: "x y" cannot be');
    expect(() => base.withWorkdir("x".repeat(1_000))).toThrow(/^.{1,200}$/);
  });
});

describe("credentials", () => {
  test.each([
    "a @ https://user:hunter2@host/a.whl",
    "git+https://hunter2@github.com/x/y.git",
    "https://hunter2:@host/a.whl",
    "git+ssh://git:hunter2@github.com/x/y.git",
    "a @ https://u:p@ss:hunter2@host/x",
    "a @ HTTPS://$USER:hunter2@host/x",
    "a @ https://host/x ; extra == 'https://u:hunter2@h/'",
  ])("%s is refused without being repeated", (requirement) => {
    expect(() => base.withPipPackages(requirement)).toThrow(DefinitionError);
    expect(() => base.withPipPackages(requirement)).not.toThrow(/hunter2/);
  });

  test.each([
    "git+https://$GITHUB_PAT@github.com/x/y.git@2e20a2a",
    // oxlint-disable-next-line no-template-curly-in-string -- a secret's name, as pip writes it
    "a @ https://oauth2:${TOKEN}@host/a.whl",
    "git+ssh://git@github.com/x/y.git",
    "a @ https://host/a@1.whl",
  ])("%s is taken", (requirement) => {
    expect(base.withPipPackages(requirement).definition.layers).toHaveLength(1);
  });
});

/** With a path of this machine in every kind of layer that has one. */
function extend(image: Image): Image {
  return image
    .withSourceFolder("./src", "/app")
    .withSourceFile(["a.py"])
    .withRequirements("r.txt")
    .withPipPackages("./a.whl", "six");
}

describe("the root", () => {
  test("is that of the definition being loaded, and is kept outside of it", () => {
    const image = withDefinitionRoot("/one", () => extend(Image.fromBase("x", { name: "n" })));
    const later = image.clone({ name: "m" }).withSourceFolder("./other", "/o");
    expect(later.definition.root).toBe("/one");
    expect(later.definition.layers[0]).toMatchObject({ source: "./src" });
    expect(later.definition.layers[4]).toMatchObject({ source: "./other" });
  });

  test("of an image that another definition extends is that definition's", () => {
    const shared = withDefinitionRoot("/one", () => extend(Image.fromBase("x", { name: "n" })));
    const image = withDefinitionRoot("/two", () => shared.withSourceFolder("./src", "/two"));
    expect(image.definition.root).toBe("/two");
    expect(image.definition.layers).toMatchObject([
      { source: "/one/src" },
      { sources: ["/one/a.py"] },
      { file: "/one/r.txt" },
      { packages: ["/one/a.whl", "six"] },
      { source: "./src" },
    ]);
    expect(shared.definition.root).toBe("/one");
  });
});

describe("the identifier property", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "image-"));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const make = (): Image =>
    withDefinitionRoot(root, () => base.clone({ name: "my.app" }).withPipPackages("six"));
  const lock = (subject: string): Promise<void> =>
    writeFile(join(root, "pylock.my-app.toml"), `subject = "${subject}"\n`);

  test("is computed once, and holds the lock beside the definition if that is for the image", async () => {
    const image = make();
    const { identifier, uri } = image;
    await lock(lockSubject(image.definition));
    expect([image.identifier, image.uri]).toEqual([identifier, uri]);
    expect(make().identifier).not.toBe(identifier);
    await lock(lockSubject(make().withPipPackages("idna").definition));
    expect(make().identifier).toBe(identifier);
  });
});
