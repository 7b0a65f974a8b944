import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PythonVersionError } from "../../image/error.ts";
import { DefaultImageError, PluginError } from "../error.ts";
import { registerPlugin } from "../plugin.ts";
import { DefaultImages, explainDefaultImage } from "./default-images.ts";
import type { FindImageOptions } from "./find-image.ts";
import { PythonVersion } from "./python-version.ts";

let cwd: string;
/** A machine without Python. */
let env: Record<string, string>;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "lamella-default-image-"));
  await mkdir(join(cwd, ".git"));
  await mkdir(join(cwd, "bin"));
  env = { PATH: join(cwd, "bin") };
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

const write = (name: string, text: string) => writeFile(join(cwd, name), text);

/** Puts a python3 on PATH that has these packages, by name and version; gives its own version. */
async function machineHas(...packages: readonly (readonly [string, string])[]): Promise<string> {
  const venv = join(cwd, "venv");
  const { stdout } = await run("python3", ["-c", makeVenv, venv]);
  const [version = "", site = ""] = stdout.trim().split(" ");
  for (const [name, of] of packages) {
    const folder = join(site, `${name}-${of}.dist-info`);
    await mkdir(folder);
    const metadata = `Metadata-Version: 2.1\nName: ${name}\nVersion: ${of}\n`;
    await writeFile(join(folder, "METADATA"), metadata);
  }
  env["PATH"] = join(venv, "bin");
  return version;
}

const makeVenv = `
import sys, sysconfig, venv
venv.create(sys.argv[1])
paths = sysconfig.get_paths("venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix", {"base": sys.argv[1]})
print("%d.%d" % sys.version_info[:2], paths["purelib"])
`;

const run = promisify(execFile);

const lock = (...rows: readonly (readonly [string, string])[]) =>
  rows.map(([name, version]) => `[[package]]\nname = "${name}"\nversion = "${version}"\n`).join("");

/** The default image where these variables are set too. */
function defaultImageWith(variables: Readonly<Record<string, string>>): Promise<string> {
  return DefaultImages.defaultImage({ cwd, env: { ...env, ...variables } });
}

function find(options: FindImageOptions): Promise<string> {
  return DefaultImages.findImageFor({ cwd, env, ...options });
}

/** The Python of the image that is found. */
async function foundPython(pythonVersion?: string): Promise<string> {
  const found = await find({ flytekitVersion: "1.0", pythonVersion });
  return found.replace(/.*:py(.*)-1\.0/, "$1");
}

function detected(): Promise<string> {
  return find({ pythonVersion: "3.12" });
}

function flytekit(suffix: string): string {
  return `cr.flyte.org/flyteorg/flytekit:py3.12-${suffix}`;
}

describe("the seeds' examples", () => {
  test("an image for a version of Python, with the installed flytekit", async () => {
    await write("uv.lock", lock(["flytekit", "1.2.3"]));
    await write(".python-version", "3.9\n");
    expect(await DefaultImages.defaultImage({ cwd, env })).toBe(
      "cr.flyte.org/flyteorg/flytekit:py3.9-1.2.3",
    );
    const image = DefaultImages.findImageFor({
      pythonVersion: PythonVersion.PYTHON_3_10,
      cwd,
      env,
    });
    expect(await image).toBe("cr.flyte.org/flyteorg/flytekit:py3.10-1.2.3");
  });

  test("an image for a version of Python and one of flytekit", async () => {
    const image = await DefaultImages.findImageFor({
      pythonVersion: PythonVersion.PYTHON_3_11,
      flytekitVersion: "1.10.0",
    });
    expect(image).toBe("cr.flyte.org/flyteorg/flytekit:py3.11-1.10.0");
  });

  test("a variable that says the image", async () => {
    const variable = { FLYTE_INTERNAL_IMAGE_ENV_VAR: "my-custom-registry/my-flytekit-image:1.2.3" };
    expect(await DefaultImages.defaultImage({ cwd, env: { ...env, ...variable } })).toBe(
      "my-custom-registry/my-flytekit-image:1.2.3",
    );
  });
});

describe("who decides", () => {
  const variable = { FLYTE_INTERNAL_IMAGE: "acme/variable:v1" };

  test("the plugin goes before the variable, the variable before detection", async () => {
    expect(await DefaultImages.defaultImage({ cwd, env })).toBe(flytekit("latest"));
    const both = { cwd, env: { ...env, ...variable } };
    expect(await DefaultImages.defaultImage(both)).toBe("acme/variable:v1");
    using _silent = registerPlugin({ name: "silent", defaultImage: () => undefined });
    using _acme = registerPlugin({ name: "acme", defaultImage: async () => "acme/plugin:v1" });
    expect(await DefaultImages.defaultImage(both)).toBe("acme/plugin:v1");
    expect(await explainDefaultImage(both)).toEqual({
      image: "acme/plugin:v1",
      decidedBy: "plugin",
      answers: [
        { step: "plugin", image: "acme/plugin:v1", reason: "the plugin acme" },
        {
          step: "environment",
          image: "acme/variable:v1",
          reason: "the variable FLYTE_INTERNAL_IMAGE",
        },
        {
          step: "detection",
          image: flytekit("latest"),
          reason: "Python 3.12 (nothing says one), flytekit (none is locked or installed)",
        },
      ],
    });
  });

  test("a plugin that was taken away is not asked", async () => {
    registerPlugin({ name: "gone", defaultImage: () => "acme/x:v1" })[Symbol.dispose]();
    const { answers, decidedBy } = await explainDefaultImage({ cwd, env });
    expect(decidedBy).toBe("detection");
    expect(answers[0]).toEqual({ step: "plugin", reason: "no plugin says one" });
  });

  test("the variable by the name in the documents goes before the one in the code; an empty one is none", async () => {
    const documented = { FLYTE_INTERNAL_IMAGE_ENV_VAR: "acme/documented:v1" };
    expect(await defaultImageWith({ ...variable, ...documented })).toBe("acme/documented:v1");
    expect(await defaultImageWith({ ...variable, FLYTE_INTERNAL_IMAGE_ENV_VAR: "" })).toBe(
      "acme/variable:v1",
    );
    await expect(defaultImageWith({ FLYTE_INTERNAL_IMAGE: "https://acme.com" })).rejects.toThrow(
      /^The variable FLYTE_INTERNAL_IMAGE: Not an image reference/,
    );
  });

  test("what detection cannot say is only told where another decided", async () => {
    await write(".python-version", "3.14\n");
    const { image, answers } = await explainDefaultImage({ cwd, env: { ...env, ...variable } });
    expect(image).toBe("acme/variable:v1");
    expect(answers[2]?.reason).toMatch(/not published for Python 3\.14/);
    await expect(explainDefaultImage({ cwd, env })).rejects.toThrow(PythonVersionError);
  });

  test.each([
    ["throws", () => Promise.reject(new Error("no token")), "no token"],
    ["gives no text", () => 7 as unknown as string, "it is 7, not text."],
    ["gives no image", () => "https://acme.com", "it is a URL"],
  ])("a plugin that %s is an error that names it", async (_, defaultImage, problem) => {
    using _plugin = registerPlugin({ name: "acme", defaultImage });
    const asked = DefaultImages.defaultImage({ cwd, env });
    await expect(asked).rejects.toThrow(PluginError);
    await expect(asked).rejects.toThrow("The plugin acme gives no default image");
    await expect(asked).rejects.toThrow(problem);
  });
});

describe("which Python", () => {
  test("the option, .python-version, requires-python, python3 on PATH, 3.12: in this order", async () => {
    expect(await foundPython()).toBe("3.12");
    const machine = await machineHas();
    expect(await foundPython()).toBe(machine);
    await write("pyproject.toml", '[project]\nrequires-python = ">=3.10,<4"\n');
    expect(await foundPython()).toBe("3.10");
    await write(".python-version", "3.9.4\n");
    expect(await foundPython()).toBe("3.9");
    expect(await foundPython("3.8")).toBe("3.8");
  });

  test.each([
    [{ flytekitVersion: "1.0", pythonVersion: "3.13" }, "3.8, 3.9, 3.10, 3.11, 3.12"],
    [{ flyteVersion: "2.0.0", pythonVersion: "3.9" }, "3.10, 3.11, 3.12, 3.13, 3.14"],
  ])(
    "one that there is no image for is an error that lists the others: %j",
    async (options, list) => {
      const found = DefaultImages.findImageFor(options);
      await expect(found).rejects.toThrow(PythonVersionError);
      await expect(found).rejects.toMatchObject({ hint: expect.stringContaining(list) });
    },
  );

  test("a Python that cannot be asked is none", async () => {
    await writeFile(join(cwd, "bin/python3"), "#!/bin/sh\necho 3.9\nexit 1\n");
    await chmod(join(cwd, "bin/python3"), 0o755);
    expect(await foundPython()).toBe("3.12");
  });
});

describe("which version of Flyte", () => {
  test("the project's lock goes before what the machine's Python has", async () => {
    await machineHas(["flytekit", "1.9.0"]);
    expect(await detected()).toBe(flytekit("1.9.0"));
    await write("poetry.lock", lock(["six", "1.17.0"], ["flytekit", "1.8.0"]));
    expect(await detected()).toBe(flytekit("1.8.0"));
    await write("uv.lock", lock(["flytekit", "1.7.0"]));
    expect(await detected()).toBe(flytekit("1.7.0"));
  });

  test("flyte, the second generation, goes before flytekit", async () => {
    await write(
      "pylock.toml",
      lock(["flytekit", "1.8.0"], ["flyte", "2.1.0"]).replaceAll("[package]", "[packages]"),
    );
    expect(await detected()).toBe("ghcr.io/flyteorg/flyte:py3.12-v2.1.0");
    expect(await DefaultImages.getVersionSuffix({ cwd, env })).toBe("1.8.0");
  });

  test("a development version that is installed, or none, is latest", async () => {
    expect(await detected()).toBe(flytekit("latest"));
    await write("uv.lock", lock(["flytekit", "1.15.4.dev12+g71fb1647d"]));
    expect(await detected()).toBe(flytekit("latest"));
    expect(await DefaultImages.getVersionSuffix({ cwd, env })).toBe("latest");
  });

  test.each([
    [{ flytekitVersion: "v1.10.0" }, flytekit("1.10.0")],
    [{ flytekitVersion: "1.10.0" }, flytekit("1.10.0")],
    [{ flyteVersion: "2.0.0" }, "ghcr.io/flyteorg/flyte:py3.12-v2.0.0"],
    [{ flyteVersion: "v2.0.0" }, "ghcr.io/flyteorg/flyte:py3.12-v2.0.0"],
    [{ flyteVersion: "2.0.0b5+g1" }, "ghcr.io/flyteorg/flyte:py3.12-v2.0.0b5-g1"],
  ])("one leading v is flytekit's nowhere and flyte's always: %j", async (options, image) => {
    expect(await DefaultImages.findImageFor({ ...options, pythonVersion: "3.12" })).toBe(image);
  });

  test("two at once, what is no version, and a lock that is not TOML are errors", async () => {
    const both = find({ flyteVersion: "2.0.0", flytekitVersion: "1.0.0" });
    await expect(both).rejects.toThrow(DefaultImageError);
    await expect(find({ flytekitVersion: "1 0" })).rejects.toThrow(DefaultImageError);
    await write("uv.lock", "a =\n");
    await expect(find({})).rejects.toThrow(/uv\.lock:1:\d+ is not TOML/);
  });
});

test("a plugin is registered once, and is one", () => {
  using _ = registerPlugin({ name: "acme" });
  expect(() => registerPlugin({ name: "acme" })).toThrow('there is a plugin "acme" already');
  expect(() => registerPlugin({ name: "" })).toThrow("name is empty");
  expect(() => registerPlugin({ name: "x", defaultImage: "y" as never })).toThrow("defaultImage");
  expect(() => registerPlugin(7 as never)).toThrow("the plugin is 7");
});
