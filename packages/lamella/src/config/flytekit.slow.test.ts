import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ConfigFile } from "./config-file.ts";
import { DefaultImages } from "./default-image/default-images.ts";
import { ImageConfig } from "./image-config.ts";
import { Images } from "./images.ts";
import { NamedImage } from "./named-image.ts";

// The Python SDK's own answers, from its code.
const oracle = `
import json, sys
from flytekit.configuration import ConfigFile, Image, ImageConfig
from flytekit.configuration.default_images import DefaultImages, PythonVersion
from flytekit.configuration.internal import Images

def attempt(work):
    try:
        return work()
    except Exception:
        return None

asked = json.load(sys.stdin)
print(json.dumps({
    "default": DefaultImages.default_image(),
    "suffix": DefaultImages.get_version_suffix(),
    "published": [
        DefaultImages.find_image_for(PythonVersion(tuple(map(int, python.split(".")))), version)
        for python in asked["pythons"] for version in asked["versions"]
    ],
    "looked_up": [
        attempt(lambda: Image.look_up_image_info("n", identifier, allow).to_dict())
        for identifier in asked["identifiers"] for allow in (True, False)
    ],
    "specified": [Images.get_specified_images(ConfigFile(path)) for path in asked["files"]],
    "validated": [attempt(lambda: ImageConfig.validate_image(None, "image", tuple(values)).to_json()) for values in asked["values"]],
    "read": ImageConfig.from_json(asked["json"]).to_dict(),
}))
`;

let folder: string;
let python: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-flytekit-"));
  const run = promisify(execFile);
  await run("uv", ["venv", "--quiet", "--python", "python3", join(folder, "venv")]);
  python = join(folder, "venv/bin/python");
  await run("uv", ["pip", "install", "--quiet", "--python", python, "flytekit==1.16.31"]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const fixtures = join(import.meta.dirname, "fixtures");
const digest = `sha256:${"a".repeat(64)}`;
const asked = {
  pythons: ["3.8", "3.9", "3.10", "3.11", "3.12"],
  versions: ["1.10.0", "v1.10.0", "1.2.3b1"],
  identifiers: [
    "docker.io/myorg/x:v1",
    "ubuntu",
    "ubuntu:22.04",
    "localhost:5000/x",
    "localhost:5000/x:v1",
    "acme/x",
    `acme/x@${digest}`,
    `localhost:5000/x@${digest}`,
  ],
  files: [join(fixtures, "images.config"), join(fixtures, "images.yaml")],
  values: [
    ["acme/task:v1", "spark=acme/spark:v2"],
    ["spark=acme/spark:v2", "default=acme/task:v1"],
    ["spark=acme/spark:v2"],
    [`acme/task@${digest}`],
    ["acme/a:v1", "acme/b:v1"],
    ["spark=acme/spark"],
    [],
  ],
  json: ImageConfig.fromImages("acme/task:v1", { spark: `acme/spark@${digest}` }).toJson(),
};

/** What ours says, or null where it refuses. */
async function attempt<T>(work: () => T | Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch {
    return null;
  }
}

test("images, their configuration and the default image are what flytekit makes of the same", async () => {
  const child = spawn(python, ["-c", oracle], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(asked));
  const said = JSON.parse(await text(child.stdout)) as Readonly<Record<string, unknown>>;

  const env = { PATH: join(folder, "venv/bin") };
  const here = { cwd: folder, env };
  expect(await DefaultImages.defaultImage(here)).toBe(said["default"]);
  expect(await DefaultImages.getVersionSuffix(here)).toBe(said["suffix"]);
  const published = asked.pythons.flatMap((pythonVersion) =>
    asked.versions.map((flytekitVersion) =>
      DefaultImages.findImageFor({ pythonVersion, flytekitVersion }),
    ),
  );
  expect(await Promise.all(published)).toEqual(said["published"]);

  const looked = asked.identifiers.flatMap((identifier) =>
    [true, false].map((allowNoTagOrDigest) =>
      attempt(() => {
        const image = NamedImage.parse("n", identifier, { allowNoTagOrDigest });
        return ImageConfig.createFrom(undefined, [image]).toDict().images?.[0];
      }),
    ),
  );
  expect(await Promise.all(looked)).toEqual(said["looked_up"]);
  const specified = asked.files.map(async (path) =>
    Images.getSpecifiedImages(await ConfigFile.read(path)),
  );
  expect(await Promise.all(specified)).toEqual(said["specified"]);

  const validated = asked.values.map((values) =>
    attempt(async () => (await ImageConfig.validateImage(values, here)).toDict()),
  );
  const theirs = said["validated"] as readonly (string | null)[];
  expect(await Promise.all(validated)).toEqual(
    theirs.map((json) => (json === null ? null : (JSON.parse(json) as unknown))),
  );
  expect(said["read"]).toEqual(JSON.parse(asked.json));
});
