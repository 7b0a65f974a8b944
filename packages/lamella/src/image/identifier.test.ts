import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DigestMemo } from "../files/digest-memo.ts";
import { MissingFileError } from "../files/error.ts";
import type { ImageDefinition } from "./definition.ts";
import { withDefinitionRoot } from "./definition-root.ts";
import { DefinitionError } from "./error.ts";
import { computeIdentifier, computeIdentifierAsync } from "./identifier.ts";
import { Image } from "./image.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "identifier-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const files: Readonly<Record<string, string>> = {
  "src/train.py": "import six\n",
  "src/lib/model.py": "",
  "src/lib/__pycache__/model.pyc": "never the same",
  "conf/a.yaml": "a: 1\n",
  "conf/b.yaml": "b: 2\n",
  "requirements.txt": "pandas\n-r more.txt\n",
  "more.txt": "./dist/local-1.0-py3-none-any.whl\n",
  "dist/local-1.0-py3-none-any.whl": "a wheel",
};

async function writeFiles(
  root: string,
  names: readonly string[] = Object.keys(files),
): Promise<void> {
  for (const name of names) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), files[name] ?? "");
  }
}

/** An image with every kind of base setting and layer, and every field that enters the identifier. */
function sample(root: string): ImageDefinition {
  return withDefinitionRoot(root, () =>
    Image.fromDebianBase({
      pythonVersion: "3.11",
      installFlyte: false,
      registry: "ghcr.io/acme",
      name: "sample",
      platforms: ["linux/amd64", "linux/arm64"],
    })
      .withPipPackages("six", "./dist/local-1.0-py3-none-any.whl", {
        indexUrl: "https://index.example/simple",
        extraIndexUrls: ["https://other.example/simple"],
        pre: true,
      })
      .withRequirements("requirements.txt", { pre: true })
      .withSourceFolder("src", { copyContentsOnly: true })
      .withSourceFolder("src", "/app/é")
      .withSourceFile(["conf/a.yaml", "conf/b.yaml"], "/etc/app")
      .withSourceFile("conf/a.yaml", "/etc/a.yaml")
      .withEnvVars({ MODE: "fast", A: "" })
      .withWorkdir("/app"),
  ).definition;
}

/** {@link sample} with every kind of layer that executes, and secrets wherever there can be some. */
function executingSample(root: string): ImageDefinition {
  const { definition } = withDefinitionRoot(root, () =>
    Image.fromBase("x", { name: "n" })
      .withAptPackages("git", "curl", { secretMounts: { key: "a", mountPath: "/etc/a" } })
      .withCommands("make", "make install", { secretMounts: [{ key: "b", group: "g" }, "c"] })
      .withPipPackages("six", { secretMounts: { key: "d", envVar: "D", mountPath: "/etc/d" } })
      .withRequirements("requirements.txt", { secretMounts: "e" }),
  );
  const before = sample(root);
  return { ...before, layers: [...before.layers, ...definition.layers] };
}

const lock = Buffer.from("lock\n");

describe("golden values", () => {
  // Computed from the documented encoding by another program.
  test("of images without files", () => {
    const image = Image.fromBase("ubuntu:22.04", { name: "n" });
    const debian = { pythonVersion: "3.12", installFlyte: false } as const;
    expect({
      base: image.identifier,
      debian: Image.fromDebianBase(debian).identifier,
      packages: image.withPipPackages("a", "b>=2").identifier,
      env: image.withEnvVars({ B: "2", A: "1" }).withWorkdir("/app").identifier,
    }).toEqual({
      base: "00e6c9e6a6fd233b198160811a81291dc4dd0b5170179299318c996724ec4429",
      debian: "0b7b8c9466a76b79fab6536b8b316d90318b50be810c276a5580a949bbe88bb6",
      packages: "32d112a1f4ca57d22dc5bb38f2b817e42db0af89bcd04d5947597b1c8d17f74c",
      env: "74ddcdd9857130cce4fdfcbed1fc970143bbd5b336b3875ce7653514a93850d1",
    });
  });

  test("of one that executes, with secrets", () => {
    const image = Image.fromBase("ubuntu:22.04", { name: "n" })
      .withAptPackages("git", "curl=7.*")
      .withCommands("make", {
        secretMounts: [
          { key: "token", group: "acme" },
          { key: "auth", mountPath: "/etc/auth", envVar: "AUTH" },
        ],
      })
      .withPipPackages("a", { secretMounts: "GITHUB_PAT" });
    expect(image.identifier).toBe(
      "2122273263477b5e0c037ff20537132770d0e038a268f3303c13bd6d92cd784b",
    );
  });

  test("of one with everything", async () => {
    await writeFiles(folder);
    await chmod(join(folder, "src/train.py"), 0o755);
    expect(computeIdentifier(sample(folder), { lock })).toBe(
      "f79b072f194523e532fc71c921a582ae90b5d38d380966c507993696390ffdd3",
    );
  });
});

describe("the identifier is the same", () => {
  test("wherever the files lie, in whatever order, with whatever times and permissions", async () => {
    const [one, other] = [join(folder, "one"), join(folder, "far/away/other")];
    await writeFiles(one);
    await writeFiles(other, Object.keys(files).toReversed());
    for (const name of Object.keys(files)) {
      await chmod(join(other, name), 0o622);
      await utimes(join(other, name), 1, 1);
    }
    await chmod(join(other, "src"), 0o700);
    await writeFile(join(other, "src/lib/__pycache__/model.pyc"), "something else");
    await mkdir(join(other, "src/.git"));
    const identifier = computeIdentifier(sample(one));
    expect(computeIdentifier(sample(other))).toBe(identifier);

    const module = new URL("./identifier.ts", import.meta.url).href;
    const script = `process.umask(0o077);
      import(${JSON.stringify(module)}).then(({ computeIdentifier }) =>
        console.log(computeIdentifier(JSON.parse(process.argv[1]))));`;
    const elsewhere = execFileSync(
      process.execPath,
      ["-e", script, JSON.stringify(sample(other))],
      {
        cwd: "/",
        env: { PATH: process.env["PATH"], TZ: "Pacific/Apia", LC_ALL: "tr_TR.UTF-8" },
      },
    );
    expect(elsewhere.toString().trim()).toBe(identifier);
  });

  test("at once and in slices, with and without a memo, cold and warm", async () => {
    await writeFiles(folder);
    const definition = sample(folder);
    const identifier = computeIdentifier(definition);
    const memo = DigestMemo.inMemory({ now: () => Date.now() + 60_000 });
    for (const options of [{}, { memo }, { memo }]) {
      expect(computeIdentifier(definition, options)).toBe(identifier);
      expect(await computeIdentifierAsync(definition, options)).toBe(identifier);
    }
    const signal = AbortSignal.abort();
    await expect(computeIdentifierAsync(definition, { signal })).rejects.toThrow("aborted");
  });

  test("wherever the image goes, and however its base is spelt", () => {
    const image = Image.fromBase("ubuntu", { name: "n" });
    const { identifier } = image;
    expect(image.clone({ registry: "ghcr.io/a", name: "m", tag: "v1" }).identifier).toBe(
      identifier,
    );
    for (const spelling of [
      "ubuntu:latest",
      "docker.io/ubuntu",
      "index.docker.io/library/ubuntu",
    ]) {
      expect(Image.fromBase(spelling).identifier).toBe(identifier);
    }
  });

  test("for options that say what is so anyway", async () => {
    await writeFiles(folder);
    const image = withDefinitionRoot(folder, () => Image.fromBase("x", { name: "n" }));
    const same: readonly (readonly [Image, Image])[] = [
      [
        image.withPipPackages("a"),
        image.withPipPackages(["a"], { pre: false, extraIndexUrls: [] }),
      ],
      [image.withSourceFolder("src"), image.withSourceFolder("./src/", "./src")],
      [image.withSourceFolder("src", "/app"), image.withSourceFolder("src", "//app/./")],
      [image.withSourceFile("more.txt"), image.withSourceFile("more.txt", "./")],
    ];
    for (const [one, other] of same) expect(other.identifier).toBe(one.identifier);
  });
});

/** Fields that say where something lies or goes. */
const places: ReadonlySet<string> = new Set([
  "root",
  "registry",
  "name",
  "tag",
  "file",
  "source",
  "sources",
]);

/** Copies of plain data, in each of which one text or truth value is another, or one list is shorter or turned. */
function* mutations(value: unknown, key = ""): Generator {
  if (typeof value === "string") yield `${value}x`;
  if (typeof value === "boolean") yield !value;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      yield value.toSpliced(index, 1);
      if (index > 0)
        yield [...value.slice(0, index - 1), item, value[index - 1], ...value.slice(index + 1)];
      for (const other of mutations(item, key)) yield value.with(index, other);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [name, field] of Object.entries(value) as [string, unknown][]) {
      // A user's name is content; the image's is where it goes.
      if (name === "kind" || (places.has(name) && key !== "user")) continue;
      for (const other of mutations(field, name)) yield { ...value, [name]: other };
      if (key === "variables" || key === "environment") {
        const { [name]: _, ...rest } = value as Record<string, unknown>;
        yield rest;
        yield { ...rest, [`${name}x`]: field };
      }
    }
  }
}

describe("the identifier is another one", () => {
  test("when any part of the definition is", async () => {
    await writeFiles(folder);
    // Names that a mutated path will ask for.
    for (const [name, text] of Object.entries(files))
      await writeFile(join(folder, `${name}x`), `${text}x`);
    const definition = executingSample(folder);
    const seen = new Map([[computeIdentifier(definition), definition]]);
    let count = 1;
    for (const mutation of mutations(definition)) {
      const mutated = mutation as ImageDefinition;
      const identifier = computeIdentifier(mutated);
      const twin = seen.get(identifier);
      if (twin !== undefined) expect(mutated).toEqual(twin);
      seen.set(identifier, mutated);
      count++;
    }
    expect(count).toBeGreaterThan(50);
    expect(seen.has(computeIdentifier(definition, { lock }))).toBe(false);
    expect(computeIdentifier(definition, { lock: Buffer.from("l") })).not.toBe(
      computeIdentifier(definition, { lock }),
    );
  });

  test("when any file that counts is changed, renamed, made executable or removed", async () => {
    await writeFiles(folder);
    const definition = sample(folder);
    const seen = new Set([computeIdentifier(definition)]);
    let count = 1;
    const isNew = (): void => {
      seen.add(computeIdentifier(definition));
      expect(seen.size, `change ${count}`).toBe(++count);
    };
    for (const [name, text] of Object.entries(files)) {
      if (name.includes("__pycache__")) continue;
      const path = join(folder, name);
      await writeFile(path, `${text}# changed\n`);
      isNew();
      await writeFile(path, text);
      if (!name.startsWith("src")) continue;
      await chmod(path, 0o755);
      isNew();
      await chmod(path, 0o644);
      await rename(path, `${path}2`);
      isNew();
      await rm(`${path}2`);
      isNew();
      await writeFile(path, text);
    }
    expect(seen.has(computeIdentifier(definition))).toBe(true);
  });

  test("for any two lists of packages, and any two sets of variables", () => {
    const image = Image.fromBase("x", { name: "n" });
    const word = fc.stringMatching(/^[ab:12]{1,3}$/);
    const words = fc.array(word, { maxLength: 3 });
    const packages = (list: readonly string[]): string => image.withPipPackages(list).identifier;
    fc.assert(
      fc.property(words, words, (one, other) => {
        expect(packages(one) === packages(other)).toBe(one.join() === other.join());
      }),
    );
    const variables = fc.dictionary(
      fc.stringMatching(/^[AB]{1,2}$/),
      fc.stringMatching(/^[a:]{0,2}$/),
      {
        noNullPrototype: true,
      },
    );
    fc.assert(
      fc.property(variables, variables, (one, other) => {
        expect(image.withEnvVars(one).identifier === image.withEnvVars(other).identifier).toBe(
          isDeepStrictEqual(one, other),
        );
      }),
    );
  });

  test("for one variable set before another, and both at once", () => {
    const image = Image.fromBase("x", { name: "n" });
    const seen = [
      image.withEnvVars({ A: "1", B: "$A" }),
      image.withEnvVars({ A: "1" }).withEnvVars({ B: "$A" }),
      image.withEnvVars({ B: "$A" }).withEnvVars({ A: "1" }),
    ].map((each) => each.identifier);
    expect(new Set(seen).size).toBe(3);
  });
});

test("a kind that is not known is refused", () => {
  const { definition } = Image.fromBase("x", { name: "n" });
  const layers = [{ kind: "conda-packages", packages: ["git"] }] as never;
  expect(() => computeIdentifier({ ...definition, layers })).toThrow(DefinitionError);
  const base = { kind: "dockerfile" } as never;
  expect(() => computeIdentifier({ ...definition, base })).toThrow(DefinitionError);
});

test("a source folder that is not there, or is a file, is told with the call that names it", async () => {
  await writeFile(join(folder, "file"), "");
  const base = withDefinitionRoot(folder, () => Image.fromBase("debian", { name: "x" }));
  const { definition } = base.withSourceFolder("./src");
  expect(() => computeIdentifier(definition)).toThrow(MissingFileError);
  expect(() => computeIdentifier(definition)).toThrow(
    `withSourceFolder("./src"): There is no ${join(folder, "src")}.`,
  );
  expect(() => computeIdentifier(base.withSourceFolder("file").definition)).toThrow(
    `withSourceFolder("file"): ${join(folder, "file")} is not a folder.`,
  );
});
