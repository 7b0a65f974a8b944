import { describe, expect, test } from "vitest";
import type { FileChange, ImageDiff } from "../../engine/diff/compare-images.ts";
import type { ImageFile } from "../../engine/diff/layer-files.ts";
import { sha256 } from "../../files/digest.ts";
import { paintLine } from "../terminal/line.ts";
import { painter } from "../terminal/paint.ts";
import { diffLines } from "./diff-lines.ts";
import { groupFiles } from "./file-groups.ts";

function regular(content: string, more: Partial<ImageFile> = {}): ImageFile {
  const { length } = content;
  return {
    kind: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: length,
    digest: sha256(content),
    ...more,
  };
}

const none: ImageDiff = {
  before: { name: "localhost:5000/iris:v1", platform: "linux/amd64", layers: 12, size: 151e6 },
  after: { name: "image.ts", platform: "linux/amd64", layers: 13, size: 153.1e6 },
  packages: [],
  layers: { added: [], removed: [], same: 12 },
  env: [],
  config: [],
  labels: [],
  files: [],
};

const text = (diff: ImageDiff): string[] =>
  diffLines(diff).map((line) => paintLine(line, painter(false)));

describe("a difference reads", () => {
  test("as a section for each sort", () => {
    const layer = { diffId: sha256("a"), digest: sha256("b"), size: 16.2e6 };
    const diff: ImageDiff = {
      ...none,
      packages: [
        { kind: "python", name: "numpy", before: "2.3.0", after: "2.4.0" },
        { kind: "python", name: "six", after: "1.17.0" },
        { kind: "debian", name: "git", before: "1:2.39" },
      ],
      layers: {
        removed: [{ ...layer, title: "numpy 2.3.0" }],
        added: [{ ...layer, title: "numpy 2.4.0" }],
        same: 11,
      },
      env: [
        { name: "GREETING", before: "hi", after: "hello" },
        { name: "_F_IMG_ID", before: "iris:v1", after: "iris:v2" },
      ],
      config: [{ name: "Cmd", before: ["bash"], after: ["python", "main.py"] }],
      files: [
        { path: "/srv/app/new.py", after: regular("x".repeat(340)) },
        { path: "/srv/app/old", before: { ...regular(""), kind: "symlink", target: "new.py" } },
        {
          path: "/srv/app/main.py",
          before: regular("one"),
          after: regular("two", { mode: 0o755 }),
        },
      ],
    };
    expect(text(diff)).toEqual([
      "- localhost:5000/iris:v1  linux/amd64  151 MB in 12 layers",
      "+ image.ts                linux/amd64  153 MB in 13 layers  +2.10 MB",
      "",
      "3 packages: 1 added, 1 removed, 1 changed",
      "  ~ numpy  2.3.0 → 2.4.0",
      "  + six    1.17.0",
      "  - git    1:2.39         Debian",
      "",
      "2 layers: 1 added, 1 removed, 11 the same",
      "  -  16.2 MB  numpy 2.3.0",
      "  +  16.2 MB  numpy 2.4.0",
      "",
      "1 variable: 1 changed",
      "  ~ GREETING  hi → hello",
      "",
      "1 setting: 1 changed",
      '  ~ Cmd  ["bash"] → ["python","main.py"]',
      "",
      "3 files: 1 added, 1 removed, 1 changed",
      "  + /srv/app/new.py   340 B",
      "  - /srv/app/old      link to new.py",
      "  ~ /srv/app/main.py  other content, 0644 → 0755",
    ]);
  });

  test("as one sentence where there is none", () => {
    expect(text({ ...none, after: none.before }).slice(1)).toEqual([
      "+ localhost:5000/iris:v1  linux/amd64  151 MB in 12 layers",
      "",
      "The images do not differ.",
    ]);
    const env = [{ name: "_F_IMG_ID", before: "iris:v1", after: "iris:v2" }];
    expect(text({ ...none, env }).at(-1)).toBe("The images differ in their names alone.");
  });

  test("without the control characters that an image's names may have", () => {
    const [line] = text({ ...none, env: [{ name: "A\u001b[2J", after: "b\n" }] }).slice(-1);
    expect(line).toBe("  + A\ufffd[2J  b\ufffd");
  });
});

test("many files are told as the folders that they are in, as deep as there is room for", () => {
  const files: FileChange[] = [
    ...Array.from({ length: 50 }, (_, index) => ({
      path: `/opt/venv/lib/numpy/core/${index}.py`,
      after: regular("a"),
    })),
    { path: "/opt/venv/lib/numpy/__init__.py", before: regular("a"), after: regular("b") },
    { path: "/opt/venv/lib/six.py", before: regular("a") },
    { path: "/srv/app/main.py", before: regular("a"), after: regular("b") },
  ];
  expect(groupFiles(files, 3)).toEqual([
    { kind: "folder", path: "/opt/venv/lib/numpy", added: 50, removed: 0, changed: 1 },
    { kind: "file", change: files[51] },
    { kind: "file", change: files[52] },
  ]);
  expect(groupFiles(files, 60)).toHaveLength(53);
  expect(groupFiles(files, 1)).toHaveLength(2);
  expect(groupFiles([], 10)).toEqual([]);
});
