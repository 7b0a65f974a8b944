import { describe, expect, test } from "vitest";
import { directory, file, makeLayer, symlink } from "../../testing/made-base.ts";
import { DistributionWithoutRecordError } from "./error.ts";
import type { Outline } from "./outline.ts";
import { readOutline } from "./read-outline.ts";
import { removalEntries } from "./replaced.ts";

const site = "opt/venv/lib/python3.11/site-packages";

/** A virtual environment as pip leaves one: `one` and `two` share a namespace and a script's folder. */
async function environment(): Promise<Outline> {
  const layer = await makeLayer([
    directory("opt", { mode: 0o711 }),
    file("opt/venv/pyvenv.cfg", "version = 3.11.2\n"),
    symlink("opt/venv/lib64", "lib"),
    symlink("opt/venv/bin/python", "/usr/bin/python3"),
    file("opt/venv/bin/one"),
    file("opt/venv/share/man/man1/one.1"),
    directory("opt/venv/share/empty"),
    file(`${site}/shared/one.py`),
    file(`${site}/shared/two.py`),
    file(`${site}/shared/both.py`),
    file(`${site}/shared/__pycache__/one.cpython-311.pyc`),
    file(`${site}/shared/__pycache__/one.cpython-311.opt-1.pyc`),
    file(`${site}/shared/__pycache__/one.more.cpython-311.pyc`),
    file(`${site}/shared/__pycache__/two.cpython-311.pyc`),
    file(`${site}/one/__init__.py`),
    file(`${site}/one/__pycache__/__init__.cpython-311.pyc`),
    file(`${site}/one/deep/data.bin`),
    file(`${site}/top.py`),
    file(`${site}/top.pyc`),
    file(`${site}/one-1.0.dist-info/METADATA`, "Name: one\nVersion: 1.0\n"),
    file(
      `${site}/one-1.0.dist-info/RECORD`,
      [
        "shared/one.py",
        "shared/both.py",
        "one/__init__.py",
        "one/deep/data.bin",
        "top.py",
        "../../../bin/one",
        "../../../share/man/man1/one.1",
        "one-1.0.dist-info/METADATA",
        "one-1.0.dist-info/RECORD",
        "/etc/passwd",
        "",
      ].join(",,\n"),
    ),
    file(`${site}/two-1.0.dist-info/METADATA`, "Name: two\nVersion: 1.0\n"),
    file(`${site}/two-1.0.dist-info/RECORD`, "shared/two.py,,\nshared/both.py,,\n"),
    file(`${site}/old-1.0.egg-info`, "Name: old\nVersion: 1.0\n"),
    file("etc/passwd"),
  ]);
  return readOutline([layer], {});
}

function named(outline: Outline, ...names: string[]) {
  return outline.distributions.filter(({ name }) => names.includes(name));
}

describe("removalEntries", () => {
  test("removes rows, their bytecode and what they leave empty, and nothing of others", async () => {
    const outline = await environment();
    const entries = removalEntries(outline, named(outline, "one"));
    const whiteouts = entries.filter(({ kind }) => kind === "whiteout").map(({ path }) => path);
    expect(whiteouts).toEqual([
      "opt/venv/bin/one",
      `${site}/one`,
      `${site}/one-1.0.dist-info`,
      `${site}/shared/__pycache__/one.cpython-311.opt-1.pyc`,
      `${site}/shared/__pycache__/one.cpython-311.pyc`,
      `${site}/shared/one.py`,
      `${site}/top.py`,
      `${site}/top.pyc`,
      "opt/venv/share/man",
    ]);
  });

  test("parents stand before their whiteouts, with the base's mode; no name is both", async () => {
    const outline = await environment();
    const entries = removalEntries(
      outline,
      outline.distributions.filter(({ record }) => record),
    );
    const directories = new Set<string>();
    for (const { kind, path } of entries) {
      const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
      if (parent !== "") expect(directories).toContain(parent);
      if (kind === "directory") directories.add(path);
      else expect(directories).not.toContain(path);
    }
    expect(entries[0]).toEqual({ kind: "directory", path: "opt", mode: 0o711, uid: 0, gid: 0 });
    // The namespace's folder still has a file that nobody owns: one.more's bytecode.
    const whiteouts = entries.filter(({ kind }) => kind === "whiteout").map(({ path }) => path);
    expect(whiteouts).toContain(`${site}/shared/both.py`);
    expect(whiteouts).not.toContain(`${site}/shared`);
    expect(whiteouts).not.toContain("opt/venv/share");
  });

  test("site-packages stays, though nothing is left in it", async () => {
    const layer = await makeLayer([
      file("opt/venv/pyvenv.cfg"),
      file(`${site}/a-1.dist-info/RECORD`, "a-1.dist-info/RECORD,,\n"),
    ]);
    const outline = await readOutline([layer], {});
    const whiteouts = removalEntries(outline, outline.distributions).filter(
      ({ kind }) => kind === "whiteout",
    );
    expect(whiteouts).toEqual([{ kind: "whiteout", path: `${site}/a-1.dist-info` }]);
  });

  test("nothing to remove is no layer", async () => {
    expect(removalEntries(await environment(), [])).toEqual([]);
  });

  test("without a RECORD it is an error that names the distribution", async () => {
    const outline = await environment();
    expect(() => removalEntries(outline, named(outline, "old"))).toThrow(
      DistributionWithoutRecordError,
    );
    expect(() => removalEntries(outline, named(outline, "old"))).toThrow(/old 1\.0/);
  });
});
