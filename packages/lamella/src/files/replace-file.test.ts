import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { replaceFile } from "./replace-file.ts";

test("a file has its new text, or what was there stays and nothing lies beside it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lamella-replace-"));
  await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
  const path = join(folder, "file");
  await replaceFile(path, "one");
  await replaceFile(path, "two", join(folder, "temporary"));
  expect(await readFile(path, "utf8")).toBe("two");
  const taken = join(folder, "folder");
  await mkdir(join(taken, "inside"), { recursive: true });
  await expect(replaceFile(taken, "three")).rejects.toThrow();
  expect(await readdir(folder)).toEqual(["file", "folder"]);
});
