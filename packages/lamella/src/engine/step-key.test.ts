import { expect, test } from "vitest";
import { stepKey } from "./step-key.ts";

test("the key of known content does not change by accident: every remembered layer hangs on it", () => {
  const content = { target: { python: "3.11", prefix: "/opt/venv" }, wheels: ["a", "b"] };
  expect(stepKey("wheels", content)).toBe(
    "sha256:7f20519be8e50e8dea2e676b0fc2adcfe3c92c81e7002cc03349c32f70d6e9cf",
  );
  expect(stepKey("bytecode", content)).not.toBe(stepKey("wheels", content));
});

test("the order of an object's names does not matter, that of a list does", () => {
  expect(stepKey("source", { a: "1", b: "2" })).toBe(stepKey("source", { b: "2", a: "1" }));
  expect(stepKey("source", ["a", "b"])).not.toBe(stepKey("source", ["b", "a"]));
});
