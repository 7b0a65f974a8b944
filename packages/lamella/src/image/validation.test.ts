import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withDefinitionRoot } from "./definition-root.ts";
import { ValidationError } from "./error.ts";
import { Image } from "./image.ts";

let root: string;
let base: Image;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "validation-"));
  base = withDefinitionRoot(root, () => Image.fromBase("x", { name: "n" }));
  await mkdir(join(root, "src"));
  await writeFile(join(root, "src/a.py"), "");
  await writeFile(join(root, "r.txt"), "six\n");
});
afterEach(() => rm(root, { recursive: true, force: true }));

test("an image whose files are there is valid", async () => {
  await base
    .withRequirements("r.txt")
    .withSourceFolder("src")
    .withSourceFile("src/a.py")
    .withPipPackages("six", "./src")
    .withEnvVars({ A: "1" })
    .withWorkdir("/w")
    .validate();
});

test("everything that is wrong is said at once, each with its layer and what to do", async () => {
  await mkdir(join(root, "pipes"));
  execFileSync("mkfifo", [join(root, "pipes/pipe")]);
  await writeFile(join(root, "includes.txt"), "-r gone.txt\n");
  await writeFile(join(root, "wheels.txt"), "./a.whl\n./b.whl\n");
  const image = base
    .withSourceFolder("nowhere")
    .withSourceFolder("r.txt")
    .withSourceFolder("pipes")
    .withSourceFile(["src", "nothing.py", "src/a.py"])
    .withRequirements("no.txt")
    .withRequirements("includes.txt")
    .withRequirements("wheels.txt")
    .withPipPackages("six", "./c.whl");
  const error: unknown = await image.validate().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ValidationError);
  const at = (path: string): string => join(root, path);
  const { problems, message, hint } = error as ValidationError;
  expect(problems.map((problem) => `${problem.layer}: ${problem.message}`)).toEqual([
    `withSourceFolder("nowhere"): it names ${at("nowhere")}, which is not there.`,
    `withSourceFolder("r.txt"): it names ${at("r.txt")}, which is not a folder.`,
    `withSourceFolder("pipes"): ${at("pipes/pipe")} is neither a file, a folder nor a link (a socket, pipe or device?): an image cannot hold it.`,
    `withSourceFile("src", "nothing.py", "src/a.py"): it names ${at("src")}, which is not a file.`,
    `withSourceFile("src", "nothing.py", "src/a.py"): it names ${at("nothing.py")}, which is not there.`,
    `withRequirements("no.txt"): There is no ${at("no.txt")}.`,
    `withRequirements("includes.txt"): There is no ${at("gone.txt")}.`,
    `withRequirements("wheels.txt"): wheels.txt names ${at("a.whl")}, which is not there.`,
    `withRequirements("wheels.txt"): wheels.txt names ${at("b.whl")}, which is not there.`,
    `withPipPackages("six", "./c.whl"): The package "./c.whl" names ${at("c.whl")}, which is not there.`,
  ]);
  expect(message.split("\n")).toHaveLength(problems.length);
  expect(new Set(hint.split("\n")).size).toBe(hint.split("\n").length);
});

test("a loop of links is not there", async () => {
  execFileSync("ln", ["-s", "loop", join(root, "loop")]);
  await expect(base.withSourceFile("loop").validate()).rejects.toThrow("which is not there");
});

test("a signal ends it", async () => {
  const signal = AbortSignal.abort();
  await expect(base.withSourceFolder("src").validate({ signal })).rejects.toThrow("aborted");
});
