import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  directory,
  file,
  hardLink,
  type MadeEntry,
  makeLayer,
  symlink,
} from "../../testing/made-base.ts";
import { sha256 } from "../files/digest.ts";
import { DiffIdMismatchError, LinkLoopError, OversizedLayerError } from "./error.ts";
import type { Outline } from "./outline.ts";
import { readLayerSummary, readOutline } from "./read-outline.ts";

async function outline(layers: readonly MadeEntry[][], env: string[] = []): Promise<Outline> {
  return readOutline(await Promise.all(layers.map(makeLayer)), { config: { Env: env } });
}

function record(outlined: Outline, name: string): readonly string[] | undefined {
  return outlined.distributions.find((distribution) => distribution.name === name)?.record;
}

/** As a real interpreter has it: its own version and another between NULs. */
const python3112 = "ELF\0 3.11.2 \x003.2.0\x003.11.2\0";
const glibc236 =
  "\0GLIBC_2.2.5\0GLIBC_2.36\0GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n";

describe("directories and links", () => {
  test("keeps mode and owner, and makes what is only named as a parent", async () => {
    const { directories, links } = await outline([
      [
        directory("./"),
        directory("./home/ada/", { mode: 0o700, uid: 1000, gid: 100 }),
        directory("tmp", { mode: 0o1777 }),
        symlink("bin", "usr/bin"),
        file("usr/bin/tool", "x"),
        directory("__proto__", { mode: 0o711 }),
      ],
    ]);
    expect(Object.fromEntries(directories)).toEqual(
      Object.fromEntries([
        ["home", { mode: 0o755, uid: 0, gid: 0 }],
        ["home/ada", { mode: 0o700, uid: 1000, gid: 100 }],
        ["tmp", { mode: 0o1777, uid: 0, gid: 0 }],
        ["usr", { mode: 0o755, uid: 0, gid: 0 }],
        ["usr/bin", { mode: 0o755, uid: 0, gid: 0 }],
        ["__proto__", { mode: 0o711, uid: 0, gid: 0 }],
      ]),
    );
    expect(links).toEqual(new Map([["bin", "usr/bin"]]));
  });

  test("upper layers remove, empty, replace and describe anew", async () => {
    const { directories, links } = await outline([
      [
        directory("gone/deep"),
        directory("opaque/old"),
        directory("file-now/inner"),
        directory("link-now/inner"),
        symlink("directory-now", "gone"),
        directory("chmod", { mode: 0o755 }),
        symlink("unlinked", "chmod"),
      ],
      [
        file(".wh.gone"),
        file(".wh.unlinked"),
        directory("opaque", { mode: 0o750 }),
        file("opaque/.wh..wh..opq"),
        directory("opaque/new"),
        file("file-now"),
        symlink("link-now", "chmod"),
        directory("directory-now/inner"),
        directory("chmod", { mode: 0o711, uid: 7 }),
      ],
    ]);
    expect([...directories.keys()].sort()).toEqual([
      "chmod",
      "directory-now",
      "directory-now/inner",
      "opaque",
      "opaque/new",
    ]);
    expect(directories.get("chmod")).toEqual({ mode: 0o711, uid: 7, gid: 0 });
    expect(links).toEqual(new Map([["link-now", "chmod"]]));
  });

  test("a whiteout is about the layers below, wherever it stands in its own", async () => {
    const { directories } = await outline([
      [directory("a/old")],
      [directory("a"), directory("a/new"), file(".wh.a")],
    ]);
    expect([...directories.keys()]).toEqual(["a", "a/new"]);
  });
});

describe("interpreter and C library", () => {
  test("Debian's, behind a merged /usr", async () => {
    const { python, libc } = await outline([
      [
        symlink("bin", "usr/bin"),
        symlink("lib", "usr/lib"),
        symlink("usr/bin/python3", "python3.11"),
        file("usr/bin/python3.11", python3112),
        file("usr/lib/x86_64-linux-gnu/libc.so.6", glibc236),
      ],
    ]);
    expect(python).toEqual({
      python: "3.11",
      version: "3.11.2",
      executable: "/usr/bin/python3.11",
      prefix: "/usr",
    });
    expect(libc).toEqual({ kind: "glibc", major: 2, minor: 36 });
  });

  test("Docker's, with a shared library and PATH; Debian 11's C library", async () => {
    const { python, libc } = await outline(
      [
        [
          file("usr/bin/python3.9", "\x003.9.2\0"),
          symlink("usr/bin/python3", "python3.9"),
          file("lib/x86_64-linux-gnu/libc-2.31.so", glibc236.replaceAll("2.36", "2.31")),
          symlink("lib/x86_64-linux-gnu/libc.so.6", "libc-2.31.so"),
        ],
        [
          file("usr/local/bin/python3.12", "launcher"),
          symlink("usr/local/bin/python3", "python3.12"),
          file("usr/local/lib/libpython3.12.so.1.0", "\x003.12.11\0"),
        ],
      ],
      ["PATH=/usr/local/bin:/usr/bin", "PYTHON_VERSION=3.12.99"],
    );
    expect(python).toMatchObject({ version: "3.12.11", prefix: "/usr/local" });
    expect(libc).toEqual({ kind: "glibc", major: 2, minor: 31 });
  });

  test("a binary without its version: the variable of Docker's images, if it is of that minor", async () => {
    const layer = [
      file("usr/local/bin/python3.12"),
      symlink("usr/local/bin/python3", "python3.12"),
    ];
    expect((await outline([layer], ["PYTHON_VERSION=3.12.4"])).python?.version).toBe("3.12.4");
    const other = (await outline([layer], ["PYTHON_VERSION=3.11.4"])).python;
    expect(other).toEqual({
      python: "3.12",
      executable: "/usr/local/bin/python3.12",
      prefix: "/usr/local",
    });
  });

  test("a binary that is only called python3, as in conda's folder", async () => {
    const { python } = await outline([
      [file("opt/conda/bin/python3", "\x003.13.1\0"), directory("opt/conda/lib/python3.13")],
    ]);
    expect(python).toMatchObject({ python: "3.13", version: "3.13.1", prefix: "/opt/conda" });
  });

  test("Alpine's", async () => {
    const { libc, python } = await outline([
      [file("lib/ld-musl-x86_64.so.1", "\x003.1.4\x001.2.5\0")],
    ]);
    expect(libc).toEqual({ kind: "musl", major: 1, minor: 2 });
    expect(python).toBeUndefined();
  });

  test("finds them wherever the chunks of the stream end", async () => {
    const layer = await makeLayer([
      file("usr/bin/python3.11", python3112),
      symlink("usr/bin/python3", "python3.11"),
      file("lib64/libc.so.6", glibc236),
    ]);
    const { gunzipSync } = await import("node:zlib");
    const tar = gunzipSync(layer.bytes);
    for (const size of [1, 7, 511]) {
      const source = {
        mediaType: "application/vnd.oci.image.layer.v1.tar",
        async *open() {
          for (let at = 0; at < tar.length; at += size) yield tar.subarray(at, at + size);
        },
      };
      const { python, libc } = await readOutline([source], {});
      expect(python?.version).toBe("3.11.2");
      expect(libc?.minor).toBe(36);
    }
  });

  test("a circle of links at the interpreter is refused", async () => {
    await expect(
      outline([[symlink("usr/bin/python3", "python"), symlink("usr/bin/python", "python3")]]),
    ).rejects.toThrow(LinkLoopError);
  });
});

describe("virtual environment", () => {
  const site = "srv/env/lib/python3.11/site-packages";
  const layer = [
    symlink("opt/venv", "/srv/env"),
    file("srv/env/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\n"),
    symlink("srv/env/lib64", "lib"),
    symlink("srv/env/bin/python", "/usr/bin/python3"),
    file("srv/env/bin/f2py"),
    file(`${site}/numpy/__init__.py`),
    file(`${site}/numpy/"odd",name.txt`),
    file(
      `${site}/numpy-1.26.4.dist-info/METADATA`,
      "Metadata-Version: 2.1\nName: NumPy\nVersion: 1.26.4\n\nName: no\n",
    ),
    file(
      `${site}/numpy-1.26.4.dist-info/RECORD`,
      [
        "numpy/__init__.py,sha256=x,0",
        '"numpy/""odd"",name.txt",,',
        "../../../bin/f2py,sha256=y,0",
        "/opt/venv/lib64/python3.11/site-packages/numpy/__init__.py,,",
        "numpy/not-there.py,,",
        "../../../../../../../etc/passwd,,",
        "numpy-1.26.4.dist-info/RECORD,,",
      ].join("\r\n"),
    ),
    file("etc/passwd", "root:x:0:0::/root:/bin/sh\n", { mode: 0o640, gid: 42 }),
    file(`${site}/legacy_thing-2.0-py3.11.egg-info`, "Name: legacy.thing\nVersion: 2.0\n"),
    directory(`${site}/no_record-0.1.dist-info`),
  ];

  test("is found through links, with its distributions and files", async () => {
    const outlined = await outline([layer]);
    expect(outlined.venv).toEqual({
      prefix: "/opt/venv",
      physicalPrefix: "srv/env",
      python: "3.11",
    });
    expect(outlined.distributions.map(({ name, version }) => `${name} ${version}`)).toEqual([
      "legacy-thing 2.0",
      "no-record 0.1",
      "numpy 1.26.4",
    ]);
    expect(record(outlined, "numpy")).toEqual([
      "srv/env/bin/f2py",
      `${site}/numpy-1.26.4.dist-info/RECORD`,
      `${site}/numpy/"odd",name.txt`,
      `${site}/numpy/__init__.py`,
    ]);
    expect(record(outlined, "legacy-thing")).toBeUndefined();
    expect(record(outlined, "no-record")).toBeUndefined();
    expect(outlined.venvFiles.has("srv/env/pyvenv.cfg")).toBe(true);
    expect(outlined.venvFiles.has("etc/passwd")).toBe(false);
    expect(outlined.passwd).toEqual({
      text: "root:x:0:0::/root:/bin/sh\n",
      mode: 0o640,
      uid: 0,
      gid: 42,
    });
    expect(outlined.shadow).toBeUndefined();
  });

  test("VIRTUAL_ENV decides; a folder without pyvenv.cfg is none", async () => {
    const other = [file("work/.venv/pyvenv.cfg", "version_info = 3.12.1.final.0")];
    expect((await outline([layer, other], ["VIRTUAL_ENV=/work/.venv/"])).venv).toEqual({
      prefix: "/work/.venv",
      physicalPrefix: "work/.venv",
      python: "3.12",
    });
    expect((await outline([[directory("opt/venv")]])).venv).toBeUndefined();
  });

  test("what an upper layer uninstalls is gone", async () => {
    const outlined = await outline([layer, [file(`${site}/.wh.numpy-1.26.4.dist-info`)]]);
    expect(outlined.distributions.map(({ name }) => name)).not.toContain("numpy");
  });

  test("hard links share what their targets say, within a layer and across layers", async () => {
    const info = `${site}/six-1.16.0.dist-info`;
    const cached = [
      file("cache/six-1.16.0.dist-info/RECORD", "six.py,,\n"),
      file("cache/six-1.16.0.dist-info/METADATA", "Name: six\nVersion: 1.16.0\n"),
    ];
    const installed = [
      file(`${site}/six.py`),
      hardLink(`${info}/RECORD`, "cache/six-1.16.0.dist-info/RECORD"),
      hardLink(`${info}/METADATA`, "cache/six-1.16.0.dist-info/METADATA"),
    ];
    for (const layers of [
      [[...layer, ...cached, ...installed]],
      [[...layer, ...cached], installed],
    ]) {
      expect(record(await outline(layers), "six")).toEqual([`${site}/six.py`]);
    }
  });
});

describe("layers in bad faith", () => {
  test.each([["../../etc/passwd"], ["a/../../b"]])("the name %s is refused", async (name) => {
    await expect(outline([[file(name)]])).rejects.toMatchObject({ code: "tar-invalid" });
  });

  test("other content than the config's diff ID", async () => {
    const layer = await makeLayer([file("a")]);
    await expect(readLayerSummary({ ...layer, diffId: sha256("other") })).rejects.toThrow(
      DiffIdMismatchError,
    );
    await expect(readLayerSummary(layer)).resolves.toBeDefined();
  });

  test("account files without end", async () => {
    await expect(
      outline([[file("etc/passwd", Buffer.alloc(1024 * 1024 + 1, "x"))]]),
    ).rejects.toThrow(OversizedLayerError);
  });

  test("whatever the layers, no name is two things, and what holds something is a directory", async () => {
    const name = fc.constantFrom("a", "b", "a/b", "b/a", "a/a", "a/b/c");
    const made = fc.oneof(
      name.map((path) => directory(path, { mode: 0o700 })),
      name.map((path) => file(path)),
      name.map((path) => symlink(path, "a")),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(made, { maxLength: 5 }), { maxLength: 3 }),
        async (layers) => {
          const { directories, links } = await outline(layers);
          for (const path of [...directories.keys(), ...links.keys()]) {
            expect(directories.has(path) && links.has(path)).toBe(false);
            const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
            if (parent !== "") expect(directories.has(parent)).toBe(true);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
