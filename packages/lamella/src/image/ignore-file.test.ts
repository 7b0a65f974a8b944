import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readTree } from "../files/tree.ts";
import { Image } from "./image.ts";
import { sourcePlacements } from "./source-placement.ts";

let folder: string;
let image: Image;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-ignore-"));
  await write("src/train.py", "src/data/large.csv", "src/data/small.csv", "src/.git/HEAD");
  await write("notes/data/large.csv");
  await writeFile(join(folder, ".dockerignore"), "src/data/*\n!src/data/small.csv\nnotes\n");
  image = Image.fromBase("debian", { name: "ignoring" });
});
afterEach(() => rm(folder, { recursive: true }));

async function write(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), path);
  }
}

async function copied({ definition }: Image): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const placement of sourcePlacements(definition)) {
    if (placement.kind !== "folder") continue;
    const { files } = await readTree(placement.source, placement);
    paths.push(...files.map(({ path }) => path));
  }
  return paths;
}

const ignoring = (): Image => image.withDockerignore(join(folder, ".dockerignore"));

test("patterns are relative to the folder of the file, and what is ignored without it stays so", async () => {
  expect(await copied(ignoring().withSourceFolder(join(folder, "src"), "/app"))).toEqual([
    "data",
    "data/small.csv",
    "train.py",
  ]);
  expect(await copied(ignoring().withSourceFolder(folder, "/app"))).toEqual([
    ".dockerignore",
    "src",
    "src/data",
    "src/data/small.csv",
    "src/train.py",
  ]);
});

test("for a folder elsewhere they are relative to that folder, wherever the call stands", async () => {
  await write("elsewhere/.dockerignore");
  await writeFile(join(folder, "elsewhere/.dockerignore"), "data/large.csv\n");
  const source = image.withSourceFolder(join(folder, "src"), "/app");
  const files = await copied(source.withDockerignore(join(folder, "elsewhere/.dockerignore")));
  expect(files).toEqual(["data", "data/small.csv", "train.py"]);
});

test("the identifier knows what is left, and nothing else of the file", async () => {
  const identifier = (): string =>
    ignoring().withSourceFolder(join(folder, "src"), "/app").identifier;
  const before = identifier();
  const rules = "# Data stays here.\n/src/data/large.csv\n";
  await writeFile(join(folder, ".dockerignore"), rules);
  expect(identifier()).toBe(before);
  await writeFile(join(folder, "src/data/large.csv"), "changed");
  expect(identifier()).toBe(before);
  await writeFile(join(folder, ".dockerignore"), "src/train.py\n");
  expect(identifier()).not.toBe(before);
});

test("validation says what is wrong with the file, and what is ignored and wanted", async () => {
  const missing = image.withDockerignore(join(folder, "nothing")).withSourceFolder(folder, "/app");
  await expect(missing.validate()).rejects.toMatchObject({
    problems: [
      {
        layer: expect.stringContaining("withDockerignore"),
        message: expect.stringContaining("not there"),
      },
    ],
  });
  const wanted = ignoring()
    .withSourceFolder(join(folder, "notes"), "/notes")
    .withSourceFile(join(folder, "src/data/large.csv"));
  await expect(wanted.validate()).rejects.toMatchObject({
    problems: [
      { message: expect.stringContaining("nothing is left") },
      { message: expect.stringContaining("leaves out") },
    ],
  });
  await writeFile(join(folder, ".dockerignore"), "a\n[b\n");
  await expect(ignoring().withSourceFolder(folder, "/app").validate()).rejects.toMatchObject({
    problems: [{ message: expect.stringContaining("line 2") }],
  });
});
