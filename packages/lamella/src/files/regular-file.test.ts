import { execFileSync } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readRegularFile } from "./regular-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-regular-"));
  await writeFile(join(folder, "file"), "content");
  await symlink("file", join(folder, "link"));
  execFileSync("mkfifo", [join(folder, "pipe")]);
});
afterAll(() => rm(folder, { recursive: true }));

test("a file is read, up to a length", async () => {
  expect((await readRegularFile(join(folder, "file"), 7)).toString()).toBe("content");
  await expect(readRegularFile(join(folder, "file"), 6)).rejects.toThrow("longer than 6");
});

test.each(["link", "pipe", "."])("%s is not", async (name) => {
  await expect(readRegularFile(join(folder, name), 100)).rejects.toThrow("no regular file");
});
