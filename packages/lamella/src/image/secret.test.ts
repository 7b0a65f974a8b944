import { describe, expect, test } from "vitest";
import { DefinitionError } from "./error.ts";
import { Image } from "./image.ts";
import { type Secret, secretId, secretVariable, sourceFile, sourceVariable } from "./secret.ts";

const image = Image.fromBase("debian", { name: "tools" });

function secretsOf(secretMounts: unknown): readonly Secret[] | undefined {
  const options = { secretMounts: secretMounts as never };
  const [layer] = image.withCommands("make", options).definition.layers;
  return layer?.kind === "commands" ? layer.secretMounts : undefined;
}

test("one name, a secret in full, or a list of both", () => {
  expect(secretsOf("GITHUB_PAT")).toEqual([{ key: "GITHUB_PAT" }]);
  expect(secretsOf({ key: "a", group: undefined })).toStrictEqual([{ key: "a" }]);
  expect(secretsOf(["a", { key: "b", mountPath: "/run//b" }])).toEqual([
    { key: "a" },
    { key: "b", mountPath: "/run/b" },
  ]);
  expect(secretsOf([])).toBeUndefined();
});

test("a secret is found by its group and key, and is a variable unless it is only a file", () => {
  const secret = { key: "api-key", group: "acme" };
  expect(secretId(secret)).toBe("acme/api-key");
  expect(sourceVariable(secret)).toBe("ACME_API_KEY");
  expect(sourceFile(secret)).toBe("acme_api-key");
  expect(secretVariable(secret)).toBe("ACME_API_KEY");
  expect(secretVariable({ ...secret, envVar: "KEY" })).toBe("KEY");
  expect(secretVariable({ ...secret, mountPath: "/key" })).toBeUndefined();
  expect(secretVariable({ ...secret, mountPath: "/key", envVar: "KEY" })).toBe("KEY");
});

describe("is refused", () => {
  test.each([
    ["no key", { group: "a" }],
    ["a value", { key: "a", value: "b" }],
    ["a relative path", { key: "a", mountPath: "b" }],
    ["a path that climbs", { key: "a", mountPath: "/a/../b" }],
    ["no name of a variable", { key: "a", envVar: "B-C" }],
    ["a key that makes no variable", "1a"],
    ["two for one variable", ["a", { key: "A" }]],
    ["two for one path", ["a", "b"].map((key) => ({ key, mountPath: "/c" }))],
    ["a number", 1],
  ])("%s", (_, secretMounts) => {
    expect(() => secretsOf(secretMounts)).toThrow(DefinitionError);
  });

  test("a value in the key's place, without being shown", () => {
    const value = "ghp_16C7e42F292c6912E7710c838347Ae178B4a!";
    expect(() => secretsOf(value)).toThrow(/^(?!.*ghp).*no name of a secret/);
  });
});

test("a layer on an image says the names of its secrets, wherever it may have some", () => {
  const made = image
    .withAptPackages(["git"], { secretMounts: "a" })
    .withPipPackages("six", { secretMounts: "b" })
    .withRequirements("requirements.txt", { secretMounts: "c" });
  expect(made.definition.layers).toEqual([
    { kind: "apt-packages", packages: ["git"], secretMounts: [{ key: "a" }] },
    { kind: "pip-packages", packages: ["six"], secretMounts: [{ key: "b" }] },
    { kind: "requirements", file: "requirements.txt", secretMounts: [{ key: "c" }] },
  ]);
});
