import { describe, expect, test } from "vitest";
import { bytesFile, type FileEntry } from "../files/entry.ts";
import { LinkLoopError, PlacementError } from "./error.ts";
import { emptyOutline, type Outline } from "./outline.ts";
import { parentEntries, place, resolvePath, restoredParents, withEntries } from "./placement.ts";

const plain = { mode: 0o755, uid: 0, gid: 0 };

/** A merged /usr, /app that is elsewhere, a private home, and links in a circle. */
const base: Outline = {
  ...emptyOutline,
  directories: new Map([
    ["home", plain],
    ["home/ada", { mode: 0o700, uid: 1000, gid: 100 }],
    ["srv", plain],
    ["srv/app", { mode: 0o2775, uid: 7, gid: 8 }],
    ["tmp", { mode: 0o1777, uid: 0, gid: 0 }],
    ["usr", plain],
    ["usr/bin", plain],
  ]),
  links: new Map([
    ["app", "srv/app"],
    ["bin", "usr/bin"],
    ["loop", "loop"],
    ["usr/bin/awk", "/etc/alternatives/awk"],
    ["data", "/mnt/not-there"],
  ]),
};

function directory(path: string, mode = 0o755): FileEntry {
  return { kind: "directory", path, mode };
}

function symlink(path: string, target: string): FileEntry {
  return { kind: "symlink", path, target };
}

async function placed(entries: readonly FileEntry[], outline = base): Promise<string[]> {
  const said: string[] = [];
  for await (const entry of place(outline, entries)) {
    const owner = `${entry.uid ?? 0}:${entry.gid ?? 0}`;
    const mode = "mode" in entry ? entry.mode.toString(8) : "";
    said.push([entry.kind, entry.path, mode, owner].join(" ").replaceAll("  ", " "));
  }
  return said;
}

describe("place", () => {
  test("follows links and repeats mode and owner, each directory once", async () => {
    const entries = [
      directory("app"),
      bytesFile("app/main.py", "x"),
      directory("app/pkg", 0o750),
      bytesFile("app/pkg/a.py", "x"),
      bytesFile("bin/tool", "x", { mode: 0o755 }),
      bytesFile("home/ada/notes", "x"),
      bytesFile("tmp/x", "x"),
    ];
    expect(await placed(entries)).toEqual([
      "directory srv 755 0:0",
      "directory srv/app 2775 7:8",
      "file srv/app/main.py 644 0:0",
      "directory srv/app/pkg 750 0:0",
      "file srv/app/pkg/a.py 644 0:0",
      "directory usr 755 0:0",
      "directory usr/bin 755 0:0",
      "file usr/bin/tool 755 0:0",
      "directory home 755 0:0",
      "directory home/ada 700 1000:100",
      "file home/ada/notes 644 0:0",
      "directory tmp 1777 0:0",
      "file tmp/x 644 0:0",
    ]);
  });

  test("a link to what is not there is followed, and makes it", async () => {
    expect(await placed([bytesFile("data/x", "x")])).toEqual([
      "directory mnt 755 0:0",
      "directory mnt/not-there 755 0:0",
      "file mnt/not-there/x 644 0:0",
    ]);
  });

  test("a file replaces a link that leads to no directory", async () => {
    expect(await placed([bytesFile("bin/awk", "x")])).toContain("file usr/bin/awk 644 0:0");
    expect(await placed([bytesFile("data", "x")])).toEqual(["file data 644 0:0"]);
  });

  test("the same link again is let pass", async () => {
    expect(await placed([symlink("bin", "usr/bin")])).toEqual(["symlink bin 0:0"]);
  });

  test.each([
    bytesFile("home", "x"),
    bytesFile("bin", "x"),
    symlink("app", "elsewhere"),
    symlink("usr/bin", "sbin"),
  ])("$kind $path never covers a directory", async (entry) => {
    await expect(placed([entry])).rejects.toThrow(PlacementError);
  });

  test("a circle is an error", async () => {
    await expect(placed([bytesFile("loop/x", "x")])).rejects.toThrow(LinkLoopError);
  });

  test("the root is never an entry", async () => {
    const rooted = { ...base, links: new Map([["top", "/"]]) };
    expect(await placed([directory("top"), bytesFile("top/x", "x")], rooted)).toEqual([
      "file x 644 0:0",
    ]);
  });
});

test("parents from the top, each once; those that are not root's 0755 apart", () => {
  const paths = ["srv/app/a/b", "home/ada/x", "srv/app/c"];
  expect(parentEntries(base, paths).map(({ path }) => path)).toEqual([
    "home",
    "home/ada",
    "srv",
    "srv/app",
    "srv/app/a",
  ]);
  expect(restoredParents(base, paths)).toEqual([
    { kind: "directory", path: "home/ada", mode: 0o700, uid: 1000, gid: 100 },
    { kind: "directory", path: "srv/app", mode: 0o2775, uid: 7, gid: 8 },
  ]);
});

test("withEntries is the outline of base and layer together", async () => {
  const venv = { prefix: "/opt/venv", physicalPrefix: "opt/venv" };
  const next = withEntries({ ...base, venv }, [
    directory("home/ada", 0o711),
    symlink("current", "srv/app"),
    bytesFile("usr/bin/awk", "x"),
    { kind: "whiteout", path: "srv" },
    bytesFile("opt/venv/bin/tool", "x"),
    bytesFile("etc/passwd", "root:x:0:0::/:/bin/sh\n"),
  ]);
  expect(next.directories.get("home/ada")).toEqual({ mode: 0o711, uid: 0, gid: 0 });
  expect([...next.directories.keys()]).not.toContain("srv/app");
  expect(next.directories.get("opt/venv")).toEqual(plain);
  expect(next.links.get("usr/bin/awk")).toBeUndefined();
  expect(resolvePath(next, "/current/x")).toBe("srv/app/x");
  expect([...next.venvFiles]).toEqual(["opt/venv/bin/tool"]);
  expect(next.passwd?.text).toBe("root:x:0:0::/:/bin/sh\n");
  expect(base.directories.has("srv")).toBe(true);
});
