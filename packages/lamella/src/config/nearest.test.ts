import { expect, test } from "vitest";
import { nearestName } from "./nearest.ts";

const known = ["mirror", "plainHttp", "ca"];

test.each([
  ["miror", "mirror"],
  ["Mirror", "mirror"],
  ["plainhttp", "plainHttp"],
  ["plain_http", "plainHttp"],
  ["cs", "ca"],
  ["x", undefined],
  ["insecure", undefined],
])("%s is %s", (name, meant) => {
  expect(nearestName(name, known)).toBe(meant);
});
