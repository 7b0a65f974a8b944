import { describe, expect, test } from "vitest";
import { directory, file, makeLayer, symlink } from "../../testing/made-base.ts";
import { sha256 } from "../files/digest.ts";
import { decodeLayerSummary, encodeLayerSummary } from "./layer-summary-codec.ts";
import { emptyOutline, type Outline } from "./outline.ts";
import {
  decodeOutlineAnnotation,
  encodeOutlineAnnotation,
  outlineKey,
} from "./outline-annotation.ts";
import { decodeOutline, encodeOutline } from "./outline-codec.ts";
import { outlineOf, readLayerSummary, readOutline } from "./read-outline.ts";

const site = "opt/venv/lib/python3.11/site-packages";

async function layers() {
  return Promise.all([
    makeLayer([
      directory("./", { mode: 0o711 }),
      directory("home/ada", { mode: 0o700, uid: 1000, gid: 1000 }),
      directory("__proto__/constructor"),
      symlink("bin", "usr/bin"),
      file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
      file("etc/shadow", "root:*:::::::\n", { mode: 0o640, gid: 42 }),
      file("usr/bin/python3.11", "\x003.11.2\x00"),
      symlink("usr/bin/python3", "python3.11"),
      file("usr/lib64/libc.so.6", "GLIBC_2.36\0"),
      directory("old/content"),
    ]),
    makeLayer([
      file(".wh.old"),
      directory("home"),
      file("home/.wh..wh..opq"),
      file("opt/venv/pyvenv.cfg", "version = 3.11.2\n"),
      file(`${site}/six.py`),
      file(`${site}/six-1.0.dist-info/METADATA`, "Name: six\nVersion: 1.0\n"),
      file(`${site}/six-1.0.dist-info/RECORD`, "six.py,,\nsix-1.0.dist-info/RECORD,,\n"),
      file(`${site}/old-1.0.egg-info`, "Name: old\nVersion: 1.0\n"),
    ]),
  ]);
}

describe("outlines as JSON", () => {
  test("come back as they were, and twice the same", async () => {
    const outline = await readOutline(await layers(), {});
    expect(outline.distributions).toHaveLength(2);
    const text = JSON.stringify(encodeOutline(outline));
    const back = decodeOutline(JSON.parse(text));
    expect(back).toEqual(outline);
    expect(JSON.stringify(encodeOutline(back))).toBe(text);
    expect(decodeOutline(encodeOutline(emptyOutline))).toEqual(emptyOutline);
  });

  test.each([
    ["another version", { version: 2 }],
    ["a path that leads out", { links: [["a/../../b", "c"]] }],
    ["an absolute path", { venvFiles: ["/etc/passwd"] }],
    [
      "a row of no file",
      { distributions: [{ name: "a", version: "1", location: "b", record: [0] }] },
    ],
    ["an owner that is none", { directories: [[0o755, -1, 0, ["a"]]] }],
  ])("%s is refused", (_, change) => {
    expect(() => decodeOutline({ ...encodeOutline(emptyOutline), ...change })).toThrow();
  });
});

describe("outlines as annotations", () => {
  const key = outlineKey([sha256("layer")], ["PATH=/bin"]);

  test("come back for the same layers and environment only", async () => {
    const outline = await readOutline(await layers(), {});
    const carried = encodeOutlineAnnotation(outline, key) ?? "";
    expect(decodeOutlineAnnotation(carried, key)).toEqual(outline);
    expect(decodeOutlineAnnotation(carried, outlineKey([sha256("layer")], ["PATH=/usr/bin"]))).toBe(
      undefined,
    );
    expect(decodeOutlineAnnotation(carried, outlineKey([sha256("layer"), sha256("x")], []))).toBe(
      undefined,
    );
  });

  test("what is no annotation is none", () => {
    for (const text of ["", "x", "AAAA", Buffer.from("{}").toString("base64")]) {
      expect(decodeOutlineAnnotation(text, key)).toBeUndefined();
    }
  });

  test("an outline that is too long gives none", () => {
    const venvFiles = new Set(Array.from({ length: 20_000 }, (_, index) => sha256(`${index}`)));
    const outline: Outline = { ...emptyOutline, venvFiles };
    expect(encodeOutlineAnnotation(outline, key)).toBeUndefined();
  });
});

test("layers' summaries as JSON say the same of a base", async () => {
  const sources = await layers();
  const summaries = await Promise.all(sources.map((layer) => readLayerSummary(layer)));
  const texts = summaries.map((summary) => JSON.stringify(encodeLayerSummary(summary)));
  const back = texts.map((text) => decodeLayerSummary(JSON.parse(text)));
  expect(outlineOf(back, [])).toEqual(outlineOf(summaries, []));
  expect(() => decodeLayerSummary({ version: 0 })).toThrow();
});
