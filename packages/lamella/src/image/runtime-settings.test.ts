import { expect, test } from "vitest";
import { Image } from "./image.ts";
import { runtimeSettings } from "./runtime-settings.ts";

const base = Image.fromBase("debian", { name: "tool" });
const settings = (image: Image): unknown => runtimeSettings(image.definition);

test("labels add up; of users and entrypoints the last holds", () => {
  expect(settings(base)).toEqual({ labels: {} });
  const image = base
    .withLabels({ a: "1", b: "1" })
    .withEntrypoint("old", "-x")
    .withUser("root")
    .withLabels({ b: "2" })
    .withEntrypoint(["serve"], { command: ["--port", "80"] })
    .withUser("1000:1000");
  expect(settings(image)).toEqual({
    labels: { a: "1", b: "2" },
    entrypoint: ["serve"],
    command: ["--port", "80"],
    user: "1000:1000",
  });
});

test("a new entrypoint takes the base's command away", () => {
  expect(settings(base.withEntrypoint("serve"))).toEqual({
    labels: {},
    entrypoint: ["serve"],
    command: [],
  });
});

test("the user that a definition makes runs the image, unless another is said", () => {
  const flyte = Image.fromDebianBase({ pythonVersion: "3.12", installFlyte: false });
  expect(settings(flyte)).toMatchObject({ user: "flyte" });
  expect(settings(flyte.withUser("nobody"))).toMatchObject({ user: "nobody" });
});

test("each of them is part of the identifier", () => {
  const images = [
    base,
    base.withLabels({ a: "1" }),
    base.withLabels({ a: "2" }),
    base.withEntrypoint("a", "b"),
    base.withEntrypoint(["a"], { command: ["b"] }),
    base.withEntrypoint("ab"),
    base.withUser("a"),
  ];
  expect(new Set(images.map(({ identifier }) => identifier)).size).toBe(images.length);
  expect(base.withLabels({})).toBe(base);
});

test.each([
  [() => base.withLabels("a=1" as never), "withLabels: the labels"],
  [() => base.withLabels({ a: 1 as never }), 'the value of "a"'],
  [() => base.withEntrypoint(), "names no program"],
  [() => base.withEntrypoint(["a"], { command: "b" as never }), "withEntrypoint: command"],
  [() => base.withUser("a b"), "cannot be a user"],
  [() => base.withUser("1000:"), "cannot be a user"],
])("what cannot be is refused: %s", (call, message) => {
  expect(call).toThrow(message);
});
