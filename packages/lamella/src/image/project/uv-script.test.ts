import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { Image } from "../image.ts";
import { readScript, scriptRequirements } from "./uv-script.ts";

const root = mkdtempSync(join(tmpdir(), "lamella-uv-script-"));
afterAll(() => rmSync(root, { recursive: true }));
const file = join(root, "script.py");
const lockFile = `${file}.lock`;
beforeEach(() => rmSync(lockFile, { force: true }));

/** A script with the lines of a block. */
function writeScript(...lines: readonly string[]): void {
  const block = lines.map((line) => (line === "" ? "#" : `# ${line}`));
  const text = [
    "#!/usr/bin/env -S uv run --script",
    "# /// script",
    ...block,
    "# ///",
    "import six",
  ];
  writeFileSync(file, `${text.join("\n")}\n`);
}

const image = (): Image => Image.fromUvScript(file, { installFlyte: false });

describe("what a script says it needs", () => {
  test("its dependencies, its Python and where packages come from", () => {
    writeScript(
      'requires-python = ">=3.11"',
      "dependencies = [",
      "  \"six>=1; python_version > '3'\",",
      '  "lib[x]", "tool", "far",',
      "]",
      "",
      "[tool.uv]",
      'prerelease = "allow"',
      "[tool.uv.sources]",
      'lib = { path = "./lib", editable = true }',
      'tool = { git = "https://host.example/tool", tag = "v1", subdirectory = "sub" }',
      'far = { url = "https://host.example/far-1-py3-none-any.whl" }',
      "[[tool.uv.index]]",
      'url = "https://first.example/simple"',
      "default = true",
      "[[tool.uv.index]]",
      'name = "more"',
      'url = "https://more.example/simple"',
    );
    const script = readScript(file);
    expect(script.requiresPython).toBe(">=3.11");
    expect(scriptRequirements(script)).toEqual({
      packages: [
        "six>=1; python_version > '3'",
        `lib[x] @ ${pathToFileURL(join(root, "lib")).href}`,
        "tool @ git+https://host.example/tool@v1#subdirectory=sub",
        "far @ https://host.example/far-1-py3-none-any.whl",
      ],
      pre: true,
      indexUrl: "https://first.example/simple",
      extraIndexUrls: ["https://more.example/simple"],
    });
  });

  test("which Python, unless the image says so", () => {
    writeScript('requires-python = ">=3.11,<3.13"', "dependencies = []");
    expect(image().definition.pythonVersion).toBe("3.11");
    const said = Image.fromUvScript(file, { installFlyte: false, pythonVersion: "3.12" });
    expect(said.definition.pythonVersion).toBe("3.12");
  });

  test.each([
    ["print(1)\n", "does not say what it needs"],
    ["# /// script\n# dependencies = []\nimport x\n", "does not end"],
    ["# /// script\n# ///\n\n# /// script\n# ///\n", "more than once"],
    ["# /// script\n# dependencies = [\n# ///\n", "script.py:2:16 is not TOML"],
    ["# /// script\n# dependencies = 1\n# ///\n", "dependencies is no list"],
  ])("what is wrong: %j", (text, said) => {
    writeFileSync(file, text);
    expect(image).toThrow(said);
  });

  test.each([
    'exclude-newer = "2025-01-01T00:00:00Z"',
    'sources = { six = { index = "private" } }',
    'index = [{ url = "https://a.example", explicit = true }]',
    'prerelease = "if-necessary"',
  ])("only a lock follows %s", async (line) => {
    writeScript('dependencies = ["six"]', "[tool.uv]", line);
    await expect(image().validate()).rejects.toThrow("which only a lock follows");
  });
});

describe("the lock of a script", () => {
  const hash = `sha256:${"1".repeat(64)}`;
  const lock = `version = 1
[manifest]
requirements = [{ name = "six", specifier = ">=1" }]
[[package]]
name = "six"
version = "1.17.0"
source = { registry = "https://index.example/simple" }
wheels = [{ url = "https://index.example/six-1.17.0-py3-none-any.whl", hash = "${hash}" }]
`;
  test("decides what is installed; the rest of the script does not", async () => {
    writeScript('dependencies = ["six>=1"]');
    const without = image().identifier;
    writeFileSync(lockFile, lock);
    const before = image().identifier;
    expect(before).not.toBe(without);
    writeFileSync(lockFile, lock.replace("1.17.0", "1.16.0"));
    expect(image().identifier).not.toBe(before);
    writeFileSync(lockFile, lock);
    writeScript(
      'dependencies = ["six >= 1"]',
      "[tool.uv]",
      'exclude-newer = "2025-01-01T00:00:00Z"',
    );
    expect(image().identifier).toBe(before);
    await image().validate();
  });

  test("is refused when the script asks for something else", async () => {
    writeFileSync(lockFile, lock);
    writeScript('dependencies = ["six>=1", "idna"]');
    await expect(image().validate()).rejects.toThrow("asks for idna, which it does not know");
  });
});
