import { expect, test } from "vitest";
import { definedEnvironment } from "./environment.ts";
import { DefinitionError } from "./error.ts";
import { Image } from "./image.ts";

const image = Image.fromBase("x", { name: "n" });

test("later layers win, and see what is below them", () => {
  const { definition } = image
    .withEnvVars({ PATH: "/a:$PATH", HOME: "/h" })
    // oxlint-disable-next-line no-template-curly-in-string -- a variable, as in a Dockerfile
    .withEnvVars({ PATH: "/b:${PATH}", HOME: "/g", WHERE: "$HOME/x" });
  expect(definedEnvironment(definition, { PATH: "/bin", LANG: "C" })).toEqual({
    PATH: "/b:/a:/bin",
    HOME: "/g",
    WHERE: "/h/x",
  });
});

test("a dollar sign can be written", () => {
  const variables = { A: "\\$PATH", B: "5$", C: "$5", D: "$$", E: "a\\b", F: "\\$\\$X" };
  expect(definedEnvironment(image.withEnvVars(variables).definition, {})).toEqual({
    A: "$PATH",
    B: "5$",
    C: "$5",
    D: "$$",
    E: "a\\b",
    F: "$$X",
  });
});

test.each(["$2b$12$abc", "${A:-x}", "${A", "$constructor", "$__proto__"])(
  "%s refers to nothing that is set, and is refused by name",
  (value) => {
    const { definition } = image.withEnvVars({ HASH: value });
    expect(() => definedEnvironment(definition, { A: "1" })).toThrow(DefinitionError);
    expect(() => definedEnvironment(definition, { A: "1" })).toThrow(
      expect.objectContaining({
        message: expect.stringContaining("the value of HASH refers to"),
        hint: expect.stringContaining(String.raw`write "\\$" in the definition`),
      }),
    );
  },
);

test("a plain Python image has what Flyte's tasks expect below everything", () => {
  const debian = Image.fromDebianBase({ pythonVersion: "3.12", installFlyte: false });
  const { definition } = debian.withEnvVars({ PYTHONPATH: "/app:$PYTHONPATH" });
  expect(definedEnvironment(definition, {})).toEqual({
    VIRTUAL_ENV: "/opt/venv",
    PYTHONPATH: "/app:/root",
    UV_LINK_MODE: "copy",
  });
});
