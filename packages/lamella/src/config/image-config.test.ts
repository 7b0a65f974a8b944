import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DefinitionError } from "../image/error.ts";
import { ConfigFile } from "./config-file.ts";
import { ImageConfig } from "./image-config.ts";
import type { ImageConfigData } from "./image-config-data.ts";
import { NamedImage } from "./named-image.ts";
import { registerPlugin } from "./plugin.ts";

const task = NamedImage.parse("default", "acme/task:v1");
const spark = NamedImage.parse("spark", "localhost:5000/spark:v2");
const digest = `sha256:${"a".repeat(64)}`;
/** Nothing of this machine takes part. */
const nowhere = { cwd: "/nowhere", env: { FLYTE_INTERNAL_IMAGE: "acme/fallback:v9" } };

function named({ images }: ImageConfig): Readonly<Record<string, string>> {
  return Object.fromEntries(images.map(({ name, full }) => [name, full]));
}

function validate(...values: readonly string[]): Promise<ImageConfig> {
  return ImageConfig.validateImage(values, nowhere);
}

describe("createFrom and fromImages", () => {
  test("createFrom puts the default first in images", () => {
    const config = ImageConfig.createFrom(task, [spark]);
    expect(config.defaultImage).toBe(task);
    expect(config.images).toEqual([task, spark]);
    expect(ImageConfig.createFrom(undefined, [spark]).images).toEqual([spark]);
    expect(ImageConfig.createFrom(task).images).toEqual([task]);
    expect(Object.isFrozen(config) && Object.isFrozen(config.images)).toBe(true);
  });

  test("the seeds' example of fromImages", () => {
    const config = ImageConfig.fromImages("ghcr.io/flyteorg/flytecookbook:v1.0.0", {
      spark: "ghcr.io/flyteorg/myspark:v1",
      other: `acme/other@${digest}`,
    });
    expect(named(config)).toEqual({
      default: "ghcr.io/flyteorg/flytecookbook:v1.0.0",
      spark: "ghcr.io/flyteorg/myspark:v1",
      other: `acme/other@${digest}`,
    });
  });

  test("two of one name are an error", () => {
    const twice = [spark, spark];
    expect(() => ImageConfig.createFrom(task, twice)).toThrow(DefinitionError);
    expect(() => ImageConfig.createFrom(task, twice)).toThrow(
      'Several images are called "spark": localhost:5000/spark:v2, localhost:5000/spark:v2.',
    );
  });

  test("an image of a program needs a tag or a digest", () => {
    expect(() => ImageConfig.fromImages("acme/task")).toThrow(/neither a tag nor a digest/);
  });
});

test("findImage looks at the default, then at the rest", () => {
  const config = ImageConfig.createFrom(task, [spark]);
  expect(config.findImage("default")).toBe(task);
  expect(config.findImage("spark")).toBe(spark);
  expect(config.findImage("none")).toBeUndefined();
});

describe("auto", () => {
  const file = join(import.meta.dirname, "fixtures/images.config");
  const configured = {
    my_custom_image: "docker.io/myorg/my-custom-image:v1.0.0",
    another_image: "myregistry.com/path/to/image",
  };

  test("auto reads the file, whose images may lack a tag, and knows no default image", async () => {
    const config = await ImageConfig.auto({ configFile: file });
    expect(named(config)).toEqual(configured);
    expect(config.defaultImage).toBeUndefined();
    expect(named(await ImageConfig.auto({ configFile: await ConfigFile.read(file) }))).toEqual(
      configured,
    );
    expect((await ImageConfig.auto(nowhere)).images).toEqual([]);
  });

  test("auto takes the default image from imgName, else from the file", async () => {
    const configFile = await ConfigFile.parse("images: { a: acme/a, default: acme/d }", "f.yaml");
    const fromFile = await ImageConfig.auto({ configFile });
    expect(fromFile.images.map(({ full }) => full)).toEqual(["acme/d", "acme/a"]);
    expect(fromFile.defaultImage?.full).toBe("acme/d");
    const { defaultImage } = await ImageConfig.auto({ configFile, imgName: "acme/x:v1" });
    expect(defaultImage?.full).toBe("acme/x:v1");
  });

  test("autoDefaultImage is auto with the default image", async () => {
    const config = await ImageConfig.autoDefaultImage({ ...nowhere, configFile: file });
    expect(named(config)).toEqual({ default: "acme/fallback:v9", ...configured });
  });
});

describe("validateImage", () => {
  test("validateImage takes name=uri, or uri for the default image", async () => {
    expect(named(await validate("spark=localhost:5000/spark:v2", "acme/task:v1"))).toEqual(
      named(ImageConfig.createFrom(task, [spark])),
    );
    expect((await validate("default=acme/task:v1")).defaultImage).toEqual(task);
  });

  test("validateImage falls back to the default image", async () => {
    expect((await validate()).defaultImage?.full).toBe("acme/fallback:v9");
    using _ = registerPlugin({ name: "acme", defaultImage: () => "acme/plugin:v1" });
    const { images } = await validate("spark=localhost:5000/spark:v2");
    expect(images.map(({ full }) => full)).toEqual(["acme/plugin:v1", spark.full]);
  });

  test.each([
    [["acme/a:v1", "default=acme/b:v1"], /Several images are called "default"/],
    [["a=acme/a:v1", "a=acme/b:v1"], /Several images are called "a"/],
    [["a=acme/a"], /^--image "a=acme\/a": The image "a" has neither a tag nor a digest/],
    [["=acme/a:v1"], /^--image "=acme\/a:v1": the name of an image is empty/],
    [["a="], /^--image "a=": the image "a" is empty/],
    [["a=https://acme.com"], /^--image "a=https:\/\/acme.com": Not an image reference/],
  ])("%j is refused", async (values, message) => {
    await expect(validate(...values)).rejects.toThrow(message);
  });
});

describe("as data", () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const version = fc.oneof(
    fc.constant(""),
    component.map((tag) => `:${tag}`),
    fc.constant(`@${digest}`),
  );
  const identifier = fc.tuple(component, component, version).map(([a, b, v]) => `${a}/${b}${v}`);
  const image = fc
    .tuple(fc.string({ minLength: 1, unit: "grapheme" }), identifier)
    .filter(([name]) => !name.includes("\0"))
    .map(([name, text]) => NamedImage.parse(name, text, { allowNoTagOrDigest: true }));
  const config = fc
    .tuple(fc.uniqueArray(image, { selector: ({ name }) => name }), fc.boolean())
    .map(([[first, ...rest], hasDefault]) =>
      hasDefault
        ? ImageConfig.createFrom(first, rest)
        : ImageConfig.createFrom(undefined, first ? [first, ...rest] : rest),
    );

  test("data and JSON lose nothing, and are what the schema says", () => {
    const matches = new Ajv2020({ strict: true }).compile(ImageConfig.schema());
    fc.assert(
      fc.property(config, (given) => {
        const data = given.toDict();
        expect(matches(data)).toBe(true);
        expect(ImageConfig.fromDict(data)).toEqual(given);
        expect(ImageConfig.fromJson(given.toJson({ indent: 2 }))).toEqual(given);
        expect(ImageConfig.fromJson(new TextEncoder().encode(given.toJson()))).toEqual(given);
      }),
    );
  });

  test("the JSON is the Python SDK's own", () => {
    // As flytekit 1.16 writes it for validate_image of "a=docker.io/x:1" and "docker.io/y:2".
    const python =
      '{"default_image": {"name": "default", "fqn": "docker.io/y", "tag": "2", "digest": null}, "images": [{"name": "default", "fqn": "docker.io/y", "tag": "2", "digest": null}, {"name": "a", "fqn": "docker.io/x", "tag": "1", "digest": null}]}';
    const read = ImageConfig.fromJson(python);
    expect(named(read)).toEqual({ default: "docker.io/y:2", a: "docker.io/x:1" });
    expect(JSON.parse(read.toJson())).toEqual(JSON.parse(python));
    expect(ImageConfig.fromJson('{"default_image": null, "images": null}').images).toEqual([]);
  });

  test.each([
    ["[]", "the options are []"],
    ["{", "that is not JSON"],
    ['{"images": 1}', "images is 1"],
    ['{"images": [1]}', "an image: the options are 1"],
    ['{"images": [{"name": "a"}]}', "an image's fqn is undefined"],
    ['{"images": [{"name": "a", "fqn": "x y"}]}', "Not an image reference"],
    [
      '{"default_image": {"name": "a", "fqn": "x", "tag": 1}}',
      "default_image's tag is 1, not text",
    ],
    ['{"defaultImage": null}', 'no option "defaultImage"'],
  ])("%s is refused", (json, message) => {
    expect(() => ImageConfig.fromJson(json)).toThrow(message);
    expect(() => ImageConfig.fromDict(7 as unknown as ImageConfigData)).toThrow(DefinitionError);
  });
});
