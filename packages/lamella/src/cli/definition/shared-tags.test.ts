import { expect, test } from "vitest";
import { Image } from "../../image/image.ts";
import { checkTags } from "./shared-tags.ts";

function twin(name: string, options: { readonly tag?: string; readonly of?: string } = {}) {
  const { of = "twin", tag } = options;
  const image = Image.fromBase("debian:12", { name: of, ...(tag !== undefined && { tag }) });
  return { name, image: image.withEnvVars({ WHICH: name }) };
}
const twins = [twin("one"), twin("two")];

test("two images of one repository keep the tags of their contents", () => {
  expect(() => checkTags(twins, {}, "twin.ts")).not.toThrow();
});

test.each([
  ["a tag that is asked for", twins, { tags: ["latest"] }, "twin:latest"],
  ["tags of their own", [twin("one", { tag: "v1" }), twin("two", { tag: "v1" })], {}, "twin:v1"],
  ["one's own tag", [twin("one", { tag: "v1" }), twin("two")], { tags: ["v1"] }, "twin:v1"],
])("%s is not to be that of two images", (_, images, options, name) => {
  const wrong = () => checkTags(images, options, "twin.ts");
  expect(wrong).toThrow(
    `twin.ts#one and twin.ts#two are different images, and both would be ${name}.`,
  );
});

test("images of other repositories may have it, but in a layout there is only one", () => {
  const images = [twin("one"), twin("two", { of: "other" })];
  const output = { kind: "layout", path: "/out" } as const;
  expect(() => checkTags(images, { tags: ["latest"] }, "twin.ts")).not.toThrow();
  expect(() => checkTags(images, { tags: ["latest"], output }, "twin.ts")).toThrow("/out:latest");
});

test("the same image under two names is one image", () => {
  const images = [twin("one"), { ...twin("one"), name: "again" }];
  expect(() => checkTags(images, { tags: ["latest"] }, "twin.ts")).not.toThrow();
});
