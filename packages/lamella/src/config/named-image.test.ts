import { expect, test } from "vitest";
import { DefinitionError, InvalidReferenceError } from "../image/error.ts";
import { NamedImage } from "./named-image.ts";

const digest = `sha256:${"a".repeat(64)}`;

test.each([
  ["docker.io/myorg/x:v1", "docker.io/myorg/x", "v1", undefined],
  ["ubuntu:22.04", "ubuntu", "22.04", undefined],
  ["localhost:5000/x:v1", "localhost:5000/x", "v1", undefined],
  [`acme/x@${digest}`, "acme/x", undefined, digest],
  [`localhost:5000/x@${digest}`, "localhost:5000/x", undefined, digest],
])("%s splits at @, else at the last colon that no slash follows", (text, fqn, tag, hash) => {
  const image = NamedImage.parse("n", text);
  expect(image).toEqual({ name: "n", fqn, tag, digest: hash });
  expect(image.full).toBe(text);
  expect(Object.isFrozen(image)).toBe(true);
});

test.each(["ubuntu", "localhost:5000/x", "myregistry.com/path/to/image"])(
  "%s has neither tag nor digest: configured it may, given on a command line not",
  (text) => {
    const image = NamedImage.parse("n", text, { allowNoTagOrDigest: true });
    expect(image).toEqual({ name: "n", fqn: text, tag: undefined, digest: undefined });
    expect(image.full).toBe(text);
    expect(() => NamedImage.parse("n", text)).toThrow(DefinitionError);
    expect(() => NamedImage.parse("n", text)).toThrow(`neither a tag nor a digest: ${text}`);
  },
);

test("tag and digest together are an error", () => {
  expect(() => NamedImage.parse("n", `acme/x:v1@${digest}`)).toThrow(/both a tag and a digest/);
});

test("what is no image is refused, and so is an image without a name", () => {
  expect(() => NamedImage.parse("n", "https://acme.com/x:v1")).toThrow(InvalidReferenceError);
  expect(() => NamedImage.parse("", "acme/x:v1")).toThrow("the name of an image is empty");
});
