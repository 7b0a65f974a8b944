import * as fc from "fast-check";
import { expect, test } from "vitest";
import { InvalidWheelFilenameError } from "./resolution-error.ts";
import { parseWheelFilename, wheelFilenameOfUrl } from "./wheel-filename.ts";

test("a wheel's file name is taken apart as PEP 427 says", () => {
  expect(
    parseWheelFilename(
      "Foo.Bar-1.2.3+cu118-2post1-cp310.cp311-abi3-manylinux1_x86_64.linux_x86_64.whl",
    ),
  ).toEqual({
    filename: "Foo.Bar-1.2.3+cu118-2post1-cp310.cp311-abi3-manylinux1_x86_64.linux_x86_64.whl",
    name: "foo-bar",
    version: "1.2.3+cu118",
    build: { number: 2, suffix: "post1" },
    pythonTags: ["cp310", "cp311"],
    abiTags: ["abi3"],
    platformTags: ["manylinux1_x86_64", "linux_x86_64"],
  });
});

test.each([
  "six-1.0.tar.gz",
  "six.whl",
  "six-1.0-py3-none.whl",
  "six-1.0-x1-py3-none-any.whl",
  "../six-1.0-py3-none-any.whl",
  "six-1.0-py3-none-any/../x.whl",
  "six-1.0-py3-none-.whl",
  "-1.0-py3-none-any.whl",
  `six-1.0-${"py3.".repeat(80)}py3-none-any.whl`,
])("%s is refused", (filename) => {
  expect(() => parseWheelFilename(filename)).toThrow(InvalidWheelFilenameError);
});

test("nothing but a file name is ever taken, and it is given back as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const filename = `${text}-1.0-py3-none-any.whl`;
      try {
        const wheel = parseWheelFilename(filename);
        expect(wheel.filename).toBe(filename);
        expect(filename).not.toMatch(/[/\\\0\s]/);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidWheelFilenameError);
      }
    }),
  );
});

test("the file name of an address is decoded", () => {
  expect(
    wheelFilenameOfUrl("https://files.example/a/b/t-1.0%2Bcpu-py3-none-any.whl?token=x#y"),
  ).toBe("t-1.0+cpu-py3-none-any.whl");
});
