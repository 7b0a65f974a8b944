import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { contentBytes, placeEntries } from "../../testing/file-entries.ts";
import { writeWheel } from "../../testing/wheel-writer.ts";
import { venvEntries } from "./venv.ts";
import { type WheelOptions, wheelEntries } from "./wheel.ts";

// The oracle: uv installs a wheel into a virtual environment, and every name, content and mode must be what we say.
// It needs Python and its package index.

const run = promisify(execFile);

/** Packages chosen for trouble, and what the trouble is. */
const packages: Readonly<Record<string, string>> = {
  awscli: "scripts of many kinds in .data, huge file count",
  botocore: "long paths, thousands of files, no Python in most",
  cmake: "native programs behind entry points",
  cryptography: "abi3",
  debugpy: "Python 2 among its files",
  "docutils==0.19": "scripts with #!python",
  gensim: "large, with test data",
  "google-api-core": "namespace package of google",
  greenlet: "headers, directory entries",
  ipykernel: "data",
  "jupyterlab-widgets": "data in deep folders",
  ninja: "a native program in .data/scripts, directory entries",
  pip: "commands with the minor version in their name",
  plotly: "huge file count, data",
  pyserial: "scripts and entry points of one name",
  "pybind11-global": "headers and data",
  "pylutron-caseta": "entry points with extras",
  ruff: "a large native program in .data/scripts",
  setuptools: "a .pth file, vendored .dist-info folders",
  six: "one file",
  "sphinxcontrib-applehelp": "namespace package without __init__.py",
  "zope.interface": "a name with a dot",
};

const python = `python3.11`;
let scratch: string;
let uv: string;
let wheels: string[];
let server: Server;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "lamella-wheel-oracle-"));
  await run("python3", ["-m", "pip", "install", "-q", "--target", join(scratch, "uv"), "uv"]);
  uv = join(scratch, "uv/bin/uv");
  const folder = join(scratch, "wheels");
  // pip takes what fits the Python that runs it, uv what fits the venv's.
  await run(uv, ["venv", "--no-config", "-q", "--seed", "-p", python, join(scratch, "seed")]);
  await run(join(scratch, "seed/bin/python"), [
    "-m",
    "pip",
    "download",
    "--quiet",
    "--no-deps",
    "--only-binary=:all:",
    "--dest",
    folder,
    ...Object.keys(packages),
  ]);
  wheels = (await readdir(folder)).map((name) => join(folder, name));
  server = createServer((request, response) => {
    void readFile(join(folder, basename(request.url ?? ""))).then((bytes) => response.end(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  server?.close();
  await rm(scratch, { recursive: true, force: true });
});

interface Found {
  readonly kind: "file" | "directory";
  readonly mode: string;
  readonly content?: string;
}

type Tree = Map<string, Found>;

async function newVenv(prefix: string): Promise<void> {
  await run(uv, ["venv", "--no-config", "-q", "-p", python, prefix]);
}

/** Runs uv under a usual umask, with nothing of this machine's settings. */
async function install(prefix: string, what: readonly string[]): Promise<void> {
  const args = ["pip", "install", "--no-config", "-q", "--no-deps", "--python", prefix, ...what];
  await run("sh", ["-c", 'umask 022; exec "$0" "$@"', uv, ...args], {
    env: { ...process.env, UV_LINK_MODE: "copy", UV_CACHE_DIR: join(scratch, "cache") },
  });
}

async function readTree(prefix: string): Promise<Tree> {
  const tree: Tree = new Map();
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(prefix, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isSymbolicLink()) continue;
      const mode = ((await stat(join(prefix, path))).mode & 0o7777).toString(8);
      if (entry.isDirectory()) {
        tree.set(path, { kind: "directory", mode });
        await visit(path);
      } else {
        tree.set(path, {
          kind: "file",
          mode,
          content: show(path, await readFile(join(prefix, path))),
        });
      }
    }
  };
  await visit("");
  return tree;
}

/** Text where a difference should be read, a digest elsewhere. */
function show(path: string, bytes: Buffer): string {
  if (
    /^bin\/|dist-info\/[A-Za-z_.]+$/.test(path) &&
    bytes.length < 10_000_000 &&
    !bytes.includes(0)
  ) {
    return bytes.toString("utf8");
  }
  return createHash("sha256").update(bytes).digest("hex");
}

async function ourTree(path: string, prefix: string, options: WheelOptions): Promise<Tree> {
  const tree: Tree = new Map();
  const target = { python: "3.11", prefix, physicalPrefix: prefix.slice(1) };
  for await (const entry of wheelEntries(path, { ...target, ...options })) {
    if (!`/${entry.path}/`.startsWith(`${prefix}/`)) continue;
    const below = entry.path.slice(prefix.length);
    if (below === "") continue;
    expect(tree.has(below), `${below} comes once`).toBe(false);
    if (entry.kind === "directory") {
      tree.set(below, { kind: "directory", mode: entry.mode.toString(8) });
    } else if (entry.kind === "file") {
      const content = show(below, await contentBytes(entry.content));
      tree.set(below, { kind: "file", mode: entry.mode.toString(8), content });
    } else {
      throw new Error(`A wheel gave a ${entry.kind}.`);
    }
  }
  return tree;
}

/** What uv made, with the closed list of differences applied. */
function expected(before: Tree, after: Tree, directUrl: object | undefined): Tree {
  const tree: Tree = new Map();
  for (const [path, found] of after) {
    const old = before.get(path);
    if (old && (old.kind === "directory" || old.content === found.content)) continue;
    const [, own] = /^lib\/python3\.11\/site-packages\/[^/]*\.dist-info\/(.*)$/.exec(path) ?? [];
    // uv locks the environment with a file that it leaves; it is no part of what it installs.
    if (own === "uv_cache.json" || path === ".lock") continue;
    let { content } = found;
    if (own === "INSTALLER") {
      expect(content).toBe("uv");
      content = "lamella";
    }
    if (own === "direct_url.json" && directUrl) content = JSON.stringify(directUrl);
    if (own === "RECORD" && content !== undefined) {
      content = content
        .replace(/^.*\.dist-info\/uv_cache\.json,.*\n/m, "")
        .replace(/^(.*\.dist-info\/INSTALLER,sha256=)[^,]*,2$/m, `$1${base64("lamella")},7`);
      if (directUrl) {
        const text = JSON.stringify(directUrl);
        content = content.replace(
          /^(.*\.dist-info\/direct_url\.json,sha256=)[^,]*,\d+$/m,
          `$1${base64(text)},${text.length}`,
        );
      }
    }
    tree.set(path, content === undefined ? found : { ...found, content });
  }
  return tree;
}

function base64(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/** Installs with uv and compares. Returns the prefix. */
async function compare(
  path: string,
  what: readonly string[],
  options: WheelOptions = {},
  prefix?: string,
): Promise<void> {
  const at = prefix ?? (await mkdtemp(join(scratch, "venv-")));
  if (!prefix) await rm(at, { recursive: true });
  await newVenv(at);
  const before = await readTree(at);
  await install(at, what);
  const theirs = expected(before, await readTree(at), options.directUrl);
  const ours = await ourTree(path, at, options);
  // Parents that the environment had before.
  for (const [name, { kind }] of ours) {
    if (kind === "directory" && before.has(name)) ours.delete(name);
  }
  expect(different(ours, theirs)).toEqual(different(theirs, ours));
  expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
  await rm(at, { recursive: true });
}

/** What a tree has that another has not, or not so. */
function different(tree: Tree, other: Tree): Record<string, Found> {
  const entries = [...tree].filter(([path, found]) => {
    const { kind, mode, content } = other.get(path) ?? {};
    return found.kind !== kind || found.mode !== mode || found.content !== content;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("wheels from the index", () => {
  for (const [requirement, trouble] of Object.entries(packages)) {
    it(`installs ${requirement} as uv does (${trouble})`, async () => {
      const [name = ""] = requirement.split("==");
      const normalized = name.replaceAll(/[-.]/g, "_");
      const path = wheels.find((wheel) => basename(wheel).startsWith(`${normalized}-`));
      expect(path).toBeDefined();
      await compare(path ?? "", [
        "--no-index",
        "--find-links",
        join(scratch, "wheels"),
        requirement,
      ]);
    });
  }
});

function wheelOf(name: string): string {
  const path = wheels.find((wheel) => basename(wheel).startsWith(`${name}-`));
  if (path === undefined) throw new Error(`${name} was not downloaded.`);
  return path;
}

describe("where a wheel comes from", () => {
  it("is a file: its hash is recorded, and no path of the machine", async () => {
    const path = wheelOf("six");
    const sha256 = createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
    const directUrl = { url: `file:///${basename(path)}`, archive_info: { hashes: { sha256 } } };
    await compare(path, [path], { directUrl });
  });

  it("is a URL: what uv writes is what we are given to write", async () => {
    const path = wheelOf("six");
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/${basename(path)}`;
    await compare(path, [url], { directUrl: { url, archive_info: {} } });
  });
});

describe("prefixes that a shebang cannot name", () => {
  for (const prefix of ["with a space", `long-${"x".repeat(120)}`, "it's quoted too"]) {
    it(prefix.slice(0, 20), async () => {
      await compare(
        wheelOf("pip"),
        [wheelOf("pip")],
        fileUrl(wheelOf("pip")),
        join(scratch, prefix),
      );
      await compare(
        wheelOf("docutils"),
        [wheelOf("docutils")],
        fileUrl(wheelOf("docutils")),
        join(scratch, prefix),
      );
    });
  }
});

/** A direct URL of ours in place of uv's, which names the machine's path. */
function fileUrl(path: string): WheelOptions {
  return { directUrl: { url: `file:///${basename(path)}`, archive_info: {} } };
}

describe("shapes that few packages have", () => {
  const shapes: Record<string, () => Promise<string>> = {
    "names that are not ASCII, and long ones": () =>
      writeWheel(scratch, {
        files: {
          "demo/naïve.py": "",
          "demo/данные/файл.txt": "x",
          "demo/日本語/😀\u{ffee}.txt": "x",
          [`demo/${"long/".repeat(40)}${"x".repeat(200)}.py`]: "x = 1",
          'demo/a,b"c.txt': "quoted in RECORD",
          "demo/a-b.py": "",
          "demo/a/b.py": "",
        },
      }),
    "all keys of .data": () =>
      writeWheel(scratch, {
        files: {
          "demo.py": "",
          "demo-1.0.data/purelib/pure.py": "pure = 1",
          "demo-1.0.data/platlib/plat/plat.py": "plat = 1",
          "demo-1.0.data/headers/sub/demo.h": "int x;",
          "demo-1.0.data/data/etc/demo.conf": "x",
          "demo-1.0.data/data/lib64/through-the-link.txt": "x",
          "demo-1.0.data/data/lib/python3.11/site-packages/from_data.py": "",
          "demo-1.0.data/data/bin/from-data": "#!python\nnot rewritten here",
          "demo-1.0.data/scripts/plain": "no shebang",
          "demo-1.0.data/scripts/console": "#!python -E\nprint(1)\n",
          "demo-1.0.data/scripts/gui.py": "#!pythonw\r\nprint(1)\n",
          "demo-1.0.data/scripts/old-mac": "#!python\rprint(1)\r",
          "demo-1.0.data/scripts/one-line": "#!python",
          "demo-1.0.data/scripts/sh": "#!/bin/sh\n",
          "demo-1.0.data/scripts/short": "#!",
          "demo-1.0.data/scripts/other": "#!/usr/bin/env python\n",
        },
      }),
    "scripts that entry points replace": () =>
      writeWheel(scratch, {
        files: {
          "demo.py": "def main(): pass",
          "demo-1.0.data/scripts/one": "#!python\nold",
          "demo-1.0.data/scripts/two-script.py": "#!python\nold",
          "demo-1.0.data/scripts/two.exe": "MZ",
          "demo-1.0.data/scripts/three": "#!python\nkept",
        },
        entryPoints:
          "# a comment\n[console_scripts]\none = demo:main\ntwo=demo : main.run [extra, more]\n; another\n\n" +
          "[gui_scripts]\nwindow = demo:main\n[demo.plugins]\nnothing = at all\n",
      }),
    "a RECORD that does not say what is there": () =>
      writeWheel(scratch, {
        files: { "demo.py": "x = 1", "unlisted.py": "", "demo/one.py": "" },
        members: [{ name: "demo-1.0.dist-info/RECORD.jws", content: "{}" }],
        metadata: {
          RECORD:
            'demo.py,sha256=AAAA,5\r\n/demo/one.py,,\nmissing.py,sha256=BBBB,10\ndemo.py,,\n"demo-1.0.dist-info/METADATA",,0099\n',
        },
      }),
    "an installer's files in the wheel": () =>
      writeWheel(scratch, {
        files: { "demo.py": "" },
        metadata: { INSTALLER: "pip", REQUESTED: "yes" },
      }),
    "empty directories and modes": () =>
      writeWheel(scratch, {
        files: { "demo/__init__.py": "" },
        members: [
          { name: "demo/empty/", content: "" },
          { name: "demo/deep/er/", content: "" },
          { name: "demo-1.0.data/", content: "" },
          { name: "demo-1.0.data/scripts/", content: "" },
          { name: "demo-1.0.data/data/", content: "" },
          { name: "demo-1.0.data/data/var/empty/", content: "" },
          { name: "demo-1.0.data/headers/", content: "" },
          { name: "demo/user.sh", content: "x", mode: 0o100744 },
          { name: "demo/setuid", content: "x", mode: 0o104755 },
          { name: "demo/private", content: "x", mode: 0o100600 },
          { name: "demo/dos", content: "x", mode: -1 },
          { name: "demo/other.sh", content: "x", mode: 0o100001 },
          { name: "demo/stored", content: "stored", stored: true },
          { name: "demo/descriptor", content: "later", descriptor: "signed" },
        ],
      }),
    "a name and a version written in another way": () =>
      writeWheel(scratch, {
        name: "De.Mo",
        version: "1.0.0",
        files: { "demo.py": "", "De.Mo-1.0.0.data/headers/x.h": "" },
        metadata: {
          METADATA: "Metadata-Version: 2.1\r\nname: de_mo\r\nVERSION: 1.0\r\n\r\nName: other\r\n",
          WHEEL: "Wheel-Version: 1.9\nWheel-Version: 2.0\nRoot-Is-Purelib: false\n",
        },
      }),
  };

  for (const [shape, make] of Object.entries(shapes)) {
    it(shape, async () => {
      const path = await make();
      await compare(path, [path], fileUrl(path));
      await rm(path);
    });
  }

  const refused: Record<string, () => Promise<string>> = {
    "a command called python": () =>
      writeWheel(scratch, { entryPoints: "[console_scripts]\npython3.11 = demo:main\n" }),
    "a script called python": () =>
      writeWheel(scratch, { files: { "demo-1.0.data/scripts/Python3": "" } }),
    "data in the place of python": () =>
      writeWheel(scratch, { files: { "demo-1.0.data/data/bin/python": "" } }),
    "a folder in scripts": () =>
      writeWheel(scratch, { files: { "demo-1.0.data/scripts/folder/script": "" } }),
    "an unknown key of .data": () => writeWheel(scratch, { files: { "demo-1.0.data/what/x": "" } }),
    "a command without module": () =>
      writeWheel(scratch, { entryPoints: "[console_scripts]\ndemo = main\n" }),
    "a comment behind a command": () =>
      writeWheel(scratch, { entryPoints: "[console_scripts]\ndemo = demo:main ; why\n" }),
    "a command that leads out": () =>
      writeWheel(scratch, { entryPoints: "[console_scripts]\n../../demo = demo:main\n" }),
    "a newer format": () => writeWheel(scratch, { metadata: { WHEEL: "Wheel-Version: 2.0\n" } }),
    "another package's metadata": () =>
      writeWheel(scratch, { metadata: { METADATA: "Name: other\nVersion: 1.0\n" } }),
    "another version's metadata": () =>
      writeWheel(scratch, { metadata: { METADATA: "Name: demo\nVersion: 1.1\n" } }),
    "no RECORD": () => writeWheel(scratch, { metadata: { RECORD: undefined } }),
    "no WHEEL": () => writeWheel(scratch, { metadata: { WHEEL: undefined } }),
  };

  for (const [shape, make] of Object.entries(refused)) {
    it(`refuses what uv refuses: ${shape}`, async () => {
      const path = await make();
      const prefix = join(scratch, "refused");
      await newVenv(prefix);
      await expect(install(prefix, [path])).rejects.toThrow();
      await expect(ourTree(path, prefix, {})).rejects.toThrow(/wheel/i);
      await rm(path);
      await rm(prefix, { recursive: true });
    });
  }
});

describe("an installed wheel", () => {
  it("runs: launchers, scripts and programs, from an environment of ours", async () => {
    const { stdout } = await run(python, ["-c", "import sys; print(sys._base_executable)"]);
    const prefix = join(scratch, "a venv of ours");
    const target = { python: "3.11", prefix, physicalPrefix: prefix.slice(1) };
    await placeEntries("/", venvEntries({ ...target, interpreter: stdout.trim() }));
    for (const name of ["pip", "docutils", "pyserial", "ruff", "plotly", "six"]) {
      await placeEntries("/", wheelEntries(wheelOf(name), target));
    }
    await chmod(prefix, 0o755);
    const bin = (command: string, ...args: string[]) => run(join(prefix, "bin", command), args);
    expect((await bin("pip3.11", "list")).stdout).toMatch(/docutils +0\.19\n(.*\n)*six /);
    expect((await bin("pip", "show", "-f", "six")).stdout).toMatch(/Installer: lamella|six\.py/);
    expect((await bin("rst2html.py", "--version")).stdout).toContain("0.19");
    expect((await bin("pyserial-miniterm", "--help")).stdout).toContain("Miniterm");
    expect((await bin("ruff", "--version")).stdout).toContain("ruff");
    const where = await bin(
      "python",
      "-c",
      "import sys, plotly; print(sys.prefix, plotly.__file__)",
    );
    expect(where.stdout).toBe(
      `${prefix} ${prefix}/lib/python3.11/site-packages/plotly/__init__.py\n`,
    );
    // uv sees the same as pip.
    const list = await run(uv, ["pip", "list", "--no-config", "--python", prefix]);
    expect(list.stdout).toMatch(/six +1\./);
  });
});
