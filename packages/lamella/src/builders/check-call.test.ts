import { expect, test } from "vitest";
import { Image } from "../image/image.ts";
import { build, check, lock, plan } from "./index.ts";

const image = Image.fromBase("debian:12", { name: "app" });

test.each([
  ["build", build],
  ["check", check],
  ["plan", plan],
  ["lock", lock],
] as const)("%s names what it cannot take", async (name, call) => {
  const untyped = async (...args: readonly unknown[]): Promise<unknown> =>
    await (call as (...given: readonly unknown[]) => unknown)(...args);
  await expect(untyped("x")).rejects.toMatchObject({ message: `${name}: the image is "x".` });
  await expect(untyped(undefined)).rejects.toThrow(/the image is undefined\./);
  await expect(untyped(image, { tag: "v1" })).rejects.toMatchObject({
    message: `${name} has no option "tag".`,
    hint: expect.stringContaining("tags, force"),
  });
  await expect(untyped(image, "v1")).rejects.toThrow(/the options are "v1"\./);
});
