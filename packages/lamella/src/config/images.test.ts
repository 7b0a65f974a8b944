import { join } from "node:path";
import { expect, test } from "vitest";
import { ConfigFile } from "./config-file.ts";
import { ConfigFileError } from "./error.ts";
import { Images } from "./images.ts";

const read = async (text: string, name = "f.yaml") =>
  Images.getSpecifiedImages(await ConfigFile.parse(text, name));

test.each(["images.config", "images.yaml"])(
  "the seeds' example %s names two images",
  async (name) => {
    const file = await ConfigFile.read(join(import.meta.dirname, "fixtures", name));
    expect(Images.getSpecifiedImages(file)).toEqual({
      my_custom_image: "docker.io/myorg/my-custom-image:v1.0.0",
      another_image: "myregistry.com/path/to/image",
    });
  },
);

test("image_refs of the second generation are images too", async () => {
  expect(
    await read("image:\n  image_refs:\n    default: acme/base:v1\nimages: { spark: acme/spark }"),
  ).toEqual({
    spark: "acme/spark",
    default: "acme/base:v1",
  });
  expect(await read("images: { a: acme/a:v1 }\nimage: { image_refs: { a: acme/a:v1 } }")).toEqual({
    a: "acme/a:v1",
  });
});

test.each(["", "images:", "image: { registry: x }", "other: 1"])("%j names none", async (text) => {
  expect(await read(text)).toEqual({});
});

test("no file, no images", () => {
  expect(Images.getSpecifiedImages(undefined)).toEqual({});
});

test.each([
  ["images: [acme/a]", "f.yaml:1:9: 'images' must be a mapping."],
  ["images:\n  a: 1.0", "f.yaml:2:6: 'images.a' must be text."],
  ["images:\n  a:", "f.yaml:2:5: 'images.a' must be text."],
  [
    "images:\n  a: https://acme.com/a",
    "f.yaml:2:6: 'images.a' names no image. Not an image reference",
  ],
  [
    `images: { a: "acme/a:v1@sha256:${"0".repeat(64)}" }`,
    "f.yaml:1:14: 'images.a' names no image. The image \"a\" has both a tag and a digest",
  ],
  [
    "images: { a: acme/a:v1 }\nimage: { image_refs: { a: acme/a:v2 } }",
    "f.yaml:2:24: 'a' names acme/a:v2, and acme/a:v1 in line 1.",
  ],
])("says where %j is wrong", async (text, message) => {
  await expect(read(text)).rejects.toThrow(ConfigFileError);
  await expect(read(text)).rejects.toThrow(message);
});
