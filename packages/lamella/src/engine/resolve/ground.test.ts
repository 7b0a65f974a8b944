import { describe, expect, test } from "vitest";
import { emptyOutline, type Outline } from "../../base/outline.ts";
import type { FileEntry } from "../../files/entry.ts";
import { prepareGround } from "./ground.ts";
import { installPrefix } from "./install-prefix.ts";

const base: Outline = {
  ...emptyOutline,
  directories: new Map([
    ["data", { mode: 0o2775, uid: 0, gid: 50 }],
    ["data/opt", { mode: 0o750, uid: 1200, gid: 1200 }],
  ]),
  links: new Map([["opt", "data/opt"]]),
  python: { python: "3.11", version: "3.11.2", executable: "/usr/bin/python3.11", prefix: "/usr" },
};

const root = { uid: 0, gid: 0 };

function directory(entries: readonly FileEntry[], path: string): FileEntry | undefined {
  return entries.find((entry) => entry.kind === "directory" && entry.path === path);
}

describe("prepareGround", () => {
  test("makes a virtual environment below the base's directories, and leaves those as they are", () => {
    const prefix = installPrefix(base, "base", undefined);

    const { entries, outline } = prepareGround(base, { owner: root, prefix, workdirs: [] });

    for (const path of ["data", "data/opt"]) {
      const attributes = base.directories.get(path);
      expect(directory(entries, path)).toMatchObject({ ...attributes });
      expect(outline.directories.get(path)).toEqual(attributes);
    }
    expect(directory(entries, "data/opt/venv")).toMatchObject({ mode: 0o755, uid: 0, gid: 0 });
  });

  test("makes working directories that are not there, for the user who is added", () => {
    const user = { name: "flyte", home: "/home/flyte", shell: "/bin/bash", owns: ["/home/flyte"] };

    const { entries, owner } = prepareGround(base, {
      user,
      owner: root,
      workdirs: ["/opt/app", "/data"],
    });

    expect(owner).toEqual({ uid: 1000, gid: 1000 });
    expect(directory(entries, "data/opt/app")).toMatchObject({ mode: 0o755, ...owner });
    expect(directory(entries, "data")).toMatchObject({ mode: 0o2775, uid: 0, gid: 50 });
  });
});
