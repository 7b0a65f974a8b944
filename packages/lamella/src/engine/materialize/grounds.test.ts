import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeWheel } from "../../../testing/wheel-writer.ts";
import { meeting, readGrounds } from "./grounds.ts";

const target = { python: "3.11", prefix: "/opt/venv", physicalPrefix: "opt/venv" };

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-grounds-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("are names in the folder of packages, and what is elsewhere", async () => {
  const path = await writeWheel(folder, {
    name: "tool",
    version: "1.0",
    files: {
      "tool/__init__.py": "",
      "tool/deep/er/part.py": "",
      "tool.pth": "",
      "tool-1.0.data/data/share/man/man1/tool.1": "",
      "tool-1.0.data/data/share/doc": "",
    },
    entryPoints: "[console_scripts]\ntool = tool:main\n",
  });
  const grounds = await readGrounds({ path, filename: "tool-1.0-py3-none-any.whl" }, target);
  expect(grounds.toSorted()).toEqual([
    "opt/venv/bin/tool",
    "opt/venv/share/doc",
    "opt/venv/share/man/man1",
    "tool",
    "tool-1.0.dist-info",
    "tool.pth",
  ]);
});

test("that two wheels have are all that counts", () => {
  const names = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e", "f"), { maxLength: 3 });
  fc.assert(
    fc.property(fc.array(names, { maxLength: 6 }), (grounds) => {
      const met = grounds.flatMap((own, at) =>
        grounds.some((other, index) => index !== at && other.some((name) => own.includes(name)))
          ? [at]
          : [],
      );
      expect(meeting(grounds)).toEqual(met);
    }),
  );
});
