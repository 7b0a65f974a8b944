import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatRequirement } from "./requirements.ts";
import { parseRequirementsText, readRequirementsFile } from "./requirements-file.ts";
import {
  InvalidRequirementError,
  RequirementNeedsBuildError,
  RequirementsFileError,
} from "./resolution-error.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "lamella-requirements-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function write(files: Record<string, string | Uint8Array>): Promise<string> {
  const root = await mkdtemp(path.join(folder, "case-"));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), text);
  }
  return root;
}

test("a requirements file as people write them", async () => {
  const root = await write({
    "requirements.txt":
      `\uFEFF# The stack
numpy>=1.26,  \\
   <3   # comment
pandas ; python_version >= "3.9"#not-a-comment
`.replace('"3.9"#not-a-comment', '"3.9" # a comment') +
      `
-r sub/more.txt
-c constraints.txt
--index-url=https://index.example/simple
--extra-index-url "https://other.example/simple"
-f ./wheels
--find-links https://links.example/page.html
--pre
--only-binary :all:
--prefer-binary
--trusted-host index.example:8443
`,
    "sub/more.txt": "./six-1.0-py3-none-any.whl\r\n-r ../again.txt\r\n",
    "again.txt": "-ccommon.txt\nattrs\n",
    "common.txt": "attrs<30\n",
    "constraints.txt": "numpy<2.5\n-r common.txt\n",
  });
  const file = await readRequirementsFile(path.join(root, "requirements.txt"));
  expect(file.requirements.map(formatRequirement)).toEqual([
    "numpy>=1.26,<3",
    'pandas ; python_version >= "3.9"',
    `six @ file://${root}/sub/six-1.0-py3-none-any.whl`,
    "attrs",
  ]);
  // What a constraints file includes constrains; a file that two include counts once.
  expect(file.constraints.map(formatRequirement)).toEqual(["attrs<30", "numpy<2.5"]);
  expect(file.settings).toEqual({
    indexUrl: "https://index.example/simple",
    extraIndexUrls: ["https://other.example/simple"],
    findLinks: [`file://${root}/wheels`, "https://links.example/page.html"],
    noIndex: false,
    pre: true,
    requireHashes: false,
    trustedHosts: ["index.example:8443"],
    noBinary: [],
  });
  expect(file.files.map((one) => path.relative(root, one))).toEqual([
    "requirements.txt",
    "sub/more.txt",
    "again.txt",
    "common.txt",
    "constraints.txt",
  ]);
});

test("hashes over continued lines, as pip-compile writes them", () => {
  const hash = "ab".repeat(32);
  const [line] = parseRequirementsText(
    `six==1.0 \\\n    --hash=sha256:${hash} \\\n    --hash=sha256:${hash}\n`,
    {
      path: "/p/r.txt",
    },
  );
  expect(line).toMatchObject({
    kind: "requirement",
    requirement: { name: "six", hashes: [hash, hash] },
  });
});

describe("lines that ask for a build are refused with file and line", () => {
  test.each(["-e .", "--editable=.", "https://x.example/six-1.0.tar.gz"])("%s", (line) => {
    const read = (): unknown =>
      parseRequirementsText(`# one\n\nsix\n${line}\n`, { path: "/p/r.txt" });
    expect(read).toThrow(RequirementNeedsBuildError);
    expect(read).toThrow("/p/r.txt:4: ");
  });
});

test("what has to be built, with paths from the file's folder", () => {
  const text = "./local\n-e git+https://x.example/y#egg=z\ngit+https://x.example/y\n";
  const repository = { kind: "repository", url: "https://x.example/y" };
  expect(parseRequirementsText(text, { path: "/p/r.txt" })).toMatchObject([
    { kind: "source", requirement: { source: { kind: "folder", path: "/p/local" } } },
    { kind: "source", requirement: { name: "z", source: repository } },
    { kind: "source", requirement: { source: repository } },
  ]);
  const constraints = { path: "/p/c.txt", constraint: true };
  expect(() => parseRequirementsText(text, constraints)).toThrow(RequirementNeedsBuildError);
});

test("packages of which no wheel is taken", async () => {
  const root = await write({
    "r.txt": "--no-binary Six,a.b\n-r more.txt",
    "more.txt": "--no-binary=c",
    "none.txt": "--no-binary :all:\n--no-binary :none:\n--no-binary x",
  });
  const noBinary = async (name: string): Promise<readonly string[]> =>
    (await readRequirementsFile(path.join(root, name))).settings.noBinary;
  expect(await noBinary("r.txt")).toEqual(["a-b", "c", "six"]);
  expect(await noBinary("none.txt")).toEqual(["x"]);
});

describe("lines that say nothing we understand are refused with file and line", () => {
  test.each([
    "--index-url",
    "--index-url nonsense",
    "--no-binary six,-e .",
    "--index-url https://${USER}:${PASS}@x.example/simple",
    "--config-settings x",
    "--use-feature x",
    "--no-index yes",
    "-x",
    "-r",
    "-r https://x.example/r.txt",
    "a b",
  ])("%s", (line) => {
    const read = (): unknown => parseRequirementsText(`six\\\n\n${line}`, { path: "/p/r.txt" });
    expect(read).toThrow(InvalidRequirementError);
    expect(read).toThrow("/p/r.txt:3: ");
  });

  test("an index's password is not repeated", () => {
    expect(() =>
      parseRequirementsText("--no-index https://joe:s3cret@x.example", { path: "/p/r.txt" }),
    ).not.toThrow("s3cret");
  });
});

test("files that include each other, are missing or are no text", async () => {
  const root = await write({
    "a.txt": "-r b.txt",
    "b.txt": "-c a.txt",
    "c.txt": "-r nowhere.txt",
    "d.txt": new Uint8Array([0xff, 0xfe, 0x41]),
  });
  const read = (name: string): Promise<unknown> => readRequirementsFile(path.join(root, name));
  await expect(read("a.txt")).rejects.toThrow(RequirementsFileError);
  await expect(read("a.txt")).rejects.toThrow("circle");
  await expect(read("c.txt")).rejects.toThrow(/nowhere\.txt \(included by .*c\.txt\)/);
  await expect(read("d.txt")).rejects.toThrow("UTF-8");
  await expect(read("e.txt")).rejects.toThrow(RequirementsFileError);
});
