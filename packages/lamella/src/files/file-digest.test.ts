import { appendFileSync, lstatSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sha256 } from "./digest.ts";
import { FileChangedError } from "./error.ts";
import { hashFile } from "./file-digest.ts";
import { runToEnd } from "./sliced-work.ts";

let folder: string;
let path: string;
const content = "x".repeat(1_000_000);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "file-digest-"));
  path = join(folder, "file");
  writeFileSync(path, content);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function begin(): ReturnType<typeof hashFile> {
  const work = hashFile(path, lstatSync(path, { bigint: true }));
  expect(work.next().done).toBe(false);
  return work;
}

test("a file that changes once while it is read is read again", () => {
  const work = begin();
  appendFileSync(path, "more");
  const size = content.length + 4;
  expect(runToEnd(work)).toEqual({ digest: sha256(`${content}more`), size, executable: false });
});

test("so is one that another takes the place of", () => {
  const work = begin();
  writeFileSync(`${path}.new`, "y");
  renameSync(`${path}.new`, path);
  appendFileSync(path, "z");
  // What was read to its end is the old file, whose link count and so ctime changed.
  expect(runToEnd(work)).toMatchObject({ digest: sha256("yz") });
});

test("one that never holds still is an error that names it", () => {
  const work = begin();
  expect(() => {
    for (let step = work.next(); !step.done; step = work.next()) appendFileSync(path, ".");
  }).toThrow(FileChangedError);
});

test("one that goes away is too", () => {
  const stats = lstatSync(path, { bigint: true });
  rmSync(path);
  expect(() => runToEnd(hashFile(path, stats))).toThrow(FileChangedError);
  expect(() => runToEnd(hashFile(path, stats))).toThrow(path);
});
