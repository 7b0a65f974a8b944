import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { contentBytes } from "../../testing/file-entries.ts";
import { type TestWheel, writeWheel } from "../../testing/wheel-writer.ts";
import type { FileEntry } from "../files/entry.ts";
import { installedPaths, type WheelOptions, wheelEntries } from "./wheel.ts";
import { InvalidWheelError, MismatchedWheelError, UnsupportedWheelError } from "./wheel-error.ts";

// That these are the files that uv installs is shown by wheel.slow.test.ts.

const target = { python: "3.11", prefix: "/opt/venv", physicalPrefix: "opt/venv" };
const site = "opt/venv/lib/python3.11/site-packages";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-wheel-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function entriesOf(wheel: TestWheel, options: WheelOptions = {}): Promise<FileEntry[]> {
  const path = await writeWheel(folder, wheel);
  return Array.fromAsync(wheelEntries(path, { ...target, ...options }));
}

async function textOf(entries: readonly FileEntry[], path: string): Promise<string> {
  const entry = entries.find((candidate) => candidate.path === path);
  if (entry?.kind !== "file") throw new Error(`${path} is no file`);
  return (await contentBytes(entry.content)).toString("utf8");
}

describe("entries", () => {
  it("come in one order, each directory once and directly before what it holds", async () => {
    const files = { "demo/a/b.py": "", "demo/a-b.py": "", "demo/a.py": "", "demo/Z.py": "" };
    const entries = await entriesOf({ files, entryPoints: "[console_scripts]\nrun = demo:main\n" });
    expect(entries.map(({ path, kind }) => (kind === "directory" ? `${path}/` : path))).toEqual([
      "opt/",
      "opt/venv/",
      "opt/venv/bin/",
      "opt/venv/bin/run",
      "opt/venv/lib/",
      "opt/venv/lib/python3.11/",
      `${site}/`,
      `${site}/demo/`,
      `${site}/demo/Z.py`,
      `${site}/demo/a/`,
      `${site}/demo/a/b.py`,
      `${site}/demo/a-b.py`,
      `${site}/demo/a.py`,
      `${site}/demo-1.0.dist-info/`,
      `${site}/demo-1.0.dist-info/INSTALLER`,
      `${site}/demo-1.0.dist-info/METADATA`,
      `${site}/demo-1.0.dist-info/RECORD`,
      `${site}/demo-1.0.dist-info/REQUESTED`,
      `${site}/demo-1.0.dist-info/WHEEL`,
      `${site}/demo-1.0.dist-info/entry_points.txt`,
    ]);
    const reversed = Object.fromEntries(Object.entries(files).reverse());
    const again = await entriesOf({
      files: reversed,
      entryPoints: "[console_scripts]\nrun = demo:main\n",
    });
    expect(again).toEqual(entries);
    expect(new Set(entries.map((entry) => entry.uid))).toEqual(new Set([undefined]));
  });

  it("are named by the physical prefix, and name the prefix as it is called", async () => {
    const path = await writeWheel(folder, { entryPoints: "[gui_scripts]\nrun = demo:main\n" });
    const moved = { ...target, prefix: "/env", physicalPrefix: "srv/environments/one" };
    const entries = await Array.fromAsync(wheelEntries(path, moved));
    expect(entries.slice(0, 3).map((entry) => entry.path)).toEqual([
      "srv",
      "srv/environments",
      "srv/environments/one",
    ]);
    expect(await textOf(entries, "srv/environments/one/bin/run")).toMatch(
      /^#!\/env\/bin\/python\n/,
    );
  });

  it("pass deflated contents through, and make what has to be made", async () => {
    const entries = await entriesOf({ files: { "demo.py": "x = 1\n".repeat(100) } });
    const module = entries.find(({ path }) => path.endsWith("demo.py"));
    expect(module).toMatchObject({ mode: 0o644, content: { encoding: "deflate", size: 600 } });
    const installer = entries.find(({ path }) => path.endsWith("INSTALLER"));
    expect(installer).toMatchObject({ mode: 0o644, content: { encoding: "identity", size: 7 } });
    expect(await textOf(entries, `${site}/demo-1.0.dist-info/RECORD`)).toBe(
      [
        "demo-1.0.dist-info/INSTALLER,sha256=_PmbJxvM1qY74pu8h0RkzESqLA-wlNnnF4wip150rWI,7",
        "demo-1.0.dist-info/METADATA,sha256=NKonpgZPlYtBt4GiF_KQ_Qq1-WUeK25Kzas0G3uTwwU,46",
        "demo-1.0.dist-info/RECORD,,",
        "demo-1.0.dist-info/REQUESTED,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0",
        "demo-1.0.dist-info/WHEEL,sha256=GOJWfGKy_s7ZRMtmrMyJFvIHxzo0gLZVhGWWyTqB6uo,75",
        "demo.py,sha256=8CtY8r8Xkgl_pINxxaNB8mEjdHMLZjLdn_FTuNdpxZ4,600",
        "",
      ].join("\n"),
    );
  });

  it("take a launcher through the shell where the kernel would not take the interpreter", async () => {
    const path = await writeWheel(folder, {
      files: { "demo-1.0.data/scripts/run": "#!python\n1" },
    });
    const spaced = { ...target, prefix: "/it's a venv", physicalPrefix: "venv" };
    const entries = await Array.fromAsync(wheelEntries(path, spaced));
    expect(await textOf(entries, "venv/bin/run")).toBe(
      `#!/bin/sh\n'''exec' '/it'"'"'s a venv/bin/python' "$0" "$@"\n' '''\n1`,
    );
  });

  it("never cover the link that a venv has at lib64", async () => {
    const entries = await entriesOf({ files: { "demo-1.0.data/data/lib64/demo.txt": "x" } });
    expect(entries.map(({ path }) => path)).toContain("opt/venv/lib/demo.txt");
    expect(await textOf(entries, `${site}/demo-1.0.dist-info/RECORD`)).toContain(
      "../../../lib64/demo.txt,",
    );
  });
});

describe("installed paths", () => {
  it("are those of the files, and tell equal content from other", async () => {
    const wheel = { files: { "demo.py": "x", "same.py": "x", "other.py": "y" } };
    const files = (await entriesOf(wheel)).filter(({ kind }) => kind === "file");
    const paths = await installedPaths(await writeWheel(folder, wheel), target);
    expect(paths.map(({ path }) => path).sort()).toEqual(files.map(({ path }) => path).sort());
    const content = new Map(
      paths.map((found) => [found.path.slice(site.length + 1), found.content]),
    );
    expect(content.get("demo.py")).toBe(content.get("same.py"));
    expect(content.get("demo.py")).not.toBe(content.get("other.py"));
  });
});

describe("a wheel is held to its name", () => {
  const refusal = { name: "demo", version: "1.0" };

  it("by its path, or by the name that is given where it lies under another", async () => {
    const path = await writeWheel(folder, refusal);
    const blob = join(folder, "0123456789abcdef");
    await rename(path, blob);
    const open = (filename?: string) =>
      Array.fromAsync(wheelEntries(blob, { ...target, ...(filename && { filename }) }));
    await expect(open()).resolves.toBeDefined();
    for (const version of ["1.0", "1", "1.0.0", "1.0+local", "1.0_local"]) {
      await expect(open(`Demo-${version}-py3-none-any.whl`)).resolves.toBeDefined();
    }
    for (const name of ["other-1.0", "demo-1.1", "demo-2.0", "demo-nonsense"]) {
      await expect(open(`${name}-py3-none-any.whl`)).rejects.toThrow(MismatchedWheelError);
    }
  });
});

describe("refusing", () => {
  const cases: [string, TestWheel, new (...args: never[]) => Error][] = [
    [
      "no .dist-info",
      { metadata: { METADATA: undefined, WHEEL: undefined, RECORD: undefined } },
      InvalidWheelError,
    ],
    [
      "two .dist-info folders",
      { files: { "other-1.0.dist-info/METADATA": "" } },
      InvalidWheelError,
    ],
    ["no METADATA", { metadata: { METADATA: undefined } }, InvalidWheelError],
    ["no WHEEL", { metadata: { WHEEL: undefined } }, InvalidWheelError],
    ["no RECORD", { metadata: { RECORD: undefined } }, InvalidWheelError],
    [
      "a METADATA of another package",
      { metadata: { METADATA: "Name: x\nVersion: 1.0\n" } },
      InvalidWheelError,
    ],
    ["a METADATA without a version", { metadata: { METADATA: "Name: demo\n" } }, InvalidWheelError],
    ["a WHEEL without a version", { metadata: { WHEEL: "Generator: x\n" } }, InvalidWheelError],
    ["a newer format", { metadata: { WHEEL: "Wheel-Version: 2.0\n" } }, UnsupportedWheelError],
    ["a RECORD with a broken quote", { metadata: { RECORD: '"demo.py,,\n' } }, InvalidWheelError],
    ["a RECORD with a size of -1", { metadata: { RECORD: "demo.py,,-1\n" } }, InvalidWheelError],
    [
      "code in an entry point",
      { entryPoints: "[console_scripts]\nx = a:b;import os\n" },
      InvalidWheelError,
    ],
    [
      "a line feed in an entry point",
      { entryPoints: "[console_scripts]\nx = a:\n b\n" },
      InvalidWheelError,
    ],
    [
      "a command in another folder",
      { entryPoints: "[console_scripts]\n../x = a:b\n" },
      InvalidWheelError,
    ],
    [
      "a command in place of the interpreter",
      { entryPoints: "[gui_scripts]\npython3 = a:b\n" },
      InvalidWheelError,
    ],
    [
      "a script in place of the interpreter",
      { files: { "demo-1.0.data/scripts/python": "" } },
      InvalidWheelError,
    ],
    [
      "data in place of the interpreter",
      { files: { "demo-1.0.data/data/bin/python3.11": "" } },
      InvalidWheelError,
    ],
    [
      "data in place of the venv's configuration",
      { files: { "demo-1.0.data/data/pyvenv.cfg": "" } },
      InvalidWheelError,
    ],
    ["a folder among scripts", { files: { "demo-1.0.data/scripts/a/b": "" } }, InvalidWheelError],
    ["an unknown key of .data", { files: { "demo-1.0.data/etc/x": "" } }, InvalidWheelError],
    [
      "one path as file and directory",
      { files: { "a/b": "", "demo-1.0.data/purelib/a": "" } },
      InvalidWheelError,
    ],
    ["a path that leads out", { members: [{ name: "../x" }] }, InvalidWheelError],
    [
      "a symbolic link",
      { members: [{ name: "x", content: "/", mode: 0o120777 }] },
      InvalidWheelError,
    ],
  ];

  for (const [what, wheel, type] of cases) {
    it(what, async () => {
      const error = await entriesOf(wheel).catch((raised: unknown) => raised);
      expect(error).toBeInstanceOf(type);
      expect((error as Error).message).toContain("demo-1.0-py3-none-any.whl");
    });
  }
});
