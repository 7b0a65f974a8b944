import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import {
  appendFile,
  chmod,
  link,
  mkdir,
  mkdtemp,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256 } from "./digest.ts";
import { DigestMemo } from "./digest-memo.ts";
import type { FileEntry } from "./entry.ts";
import {
  FileChangedError,
  FileKindError,
  FileNameError,
  MissingFileError,
  UnreadableFileError,
} from "./error.ts";
import type { IgnoreRules } from "./ignore.ts";
import { readFiles, readTree, readTreeSync, treeEntries } from "./tree.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tree-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Writes files; a path that ends in `/` is an empty folder. */
async function write(files: Readonly<Record<string, string>>, root = folder): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const absolute = join(root, path);
    await mkdir(path.endsWith("/") ? absolute : dirname(absolute), { recursive: true });
    if (!path.endsWith("/")) await writeFile(absolute, content);
  }
}

async function paths(root = folder): Promise<readonly string[]> {
  return (await readTree(root)).files.map((file) => file.path);
}

/** Bytes that this thread has read so far, of whatever. */
function bytesRead(): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync("/proc/thread-self/io", "utf8"))?.[1]);
}

/** The content of a file entry; `onChunk` is told the bytes of each chunk as it comes. */
async function streamed(
  entry: FileEntry | undefined,
  onChunk: (bytes: number) => void = () => undefined,
): Promise<string> {
  if (entry?.kind !== "file" || typeof entry.content.data !== "function")
    throw new Error("no file");
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry.content.data()) {
    onChunk(chunk.length);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

describe("reading a tree", () => {
  test("gives files, links and folders, sorted by bytes", async () => {
    await write({ "a/b": "1", "a-b": "22", "B/": "", "\u{1F600}": "", "\uFFFC": "" });
    await symlink("a/b", join(folder, "link"));
    await chmod(join(folder, "a-b"), 0o711);
    expect((await readTree(folder)).files).toEqual([
      { kind: "directory", path: "B" },
      { kind: "directory", path: "a" },
      {
        kind: "file",
        path: "a-b",
        absolute: join(folder, "a-b"),
        size: 2,
        executable: true,
        digest: sha256("22"),
      },
      {
        kind: "file",
        path: "a/b",
        absolute: join(folder, "a/b"),
        size: 1,
        executable: false,
        digest: sha256("1"),
      },
      { kind: "symlink", path: "link", target: "a/b" },
      expect.objectContaining({ path: "\uFFFC" }),
      expect.objectContaining({ path: "\u{1F600}" }),
    ]);
  });

  test("hashes as sha256sum does, whatever the size", async () => {
    const sizes = [0, 1, 262_143, 262_144, 262_145, 1_000_000];
    for (const size of sizes) await write({ [`f${size}`]: "x".repeat(size) });
    const { files } = await readTree(folder);
    const listed = files.map(
      (file) => file.kind === "file" && `${file.digest.slice(7)}  ${file.path}`,
    );
    const sums = execFileSync(
      "sha256sum",
      files.map((file) => file.path),
      { cwd: folder },
    );
    expect(listed.join("\n")).toBe(sums.toString().trimEnd());
  });

  test("leaves out what is ignored, and folders that hold nothing else", async () => {
    await write({
      "keep/a.py": "",
      "keep/__pycache__/a.pyc": "",
      ".git/HEAD": "",
      "left-behind/deep/__pycache__/b.pyc": "",
      "empty/": "",
    });
    expect(await paths()).toEqual(["empty", "keep", "keep/a.py"]);
  });

  test("looks into an ignored folder when the rules may keep something there", async () => {
    await write({ "data/raw/a": "", "data/keep/b": "", "other/c": "", "data/hollow/": "" });
    const ignore: IgnoreRules = {
      ignores: (path) => path.startsWith("data") && path !== "data/keep/b",
      mayKeepInside: (path) => path !== "data/raw",
      keepsEmptied: false,
    };
    const { files } = await readTree(folder, { ignore });
    expect(files.map((file) => file.path)).toEqual([
      "data",
      "data/keep",
      "data/keep/b",
      "other",
      "other/c",
    ]);
  });

  test("keeps links as they are, also absolute, broken and escaping ones", async () => {
    await write({ "sub/": "" });
    for (const [path, target] of [
      ["absolute", "/etc/passwd"],
      ["broken", "nowhere"],
      ["escaping", "../../x"],
      ["folder", "sub"],
    ] as const) {
      await symlink(target, join(folder, path));
    }
    expect((await readTree(folder)).files).toEqual([
      { kind: "symlink", path: "absolute", target: "/etc/passwd" },
      { kind: "symlink", path: "broken", target: "nowhere" },
      { kind: "symlink", path: "escaping", target: "../../x" },
      { kind: "symlink", path: "folder", target: "sub" },
      { kind: "directory", path: "sub" },
    ]);
  });

  test("follows the folder itself when it is a link", async () => {
    await write({ "real/a": "" });
    await symlink("real", join(folder, "link"));
    expect(await paths(join(folder, "link"))).toEqual(["a"]);
  });

  test("is one code for both callers", async () => {
    await write({ a: "1", "b/c": "2" });
    expect(readTreeSync(folder)).toEqual(await readTree(folder));
  });

  test("ends with its signal", async () => {
    await expect(readTree(folder, { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
  });
});

describe("the tree's digest", () => {
  test("does not know place, order on disk, times, owners, umask, locale or time zone", async () => {
    const names = ["z", "a", "ä", "B", "sub/x", "sub/Y"];
    const [one, other] = [join(folder, "one"), join(folder, "deep/er/other")];
    for (const name of names) await write({ [name]: name }, one);
    for (const name of names.toReversed()) {
      await write({ [name]: name }, other);
      await chmod(join(other, name), 0o606);
      await utimes(join(other, name), 1, 1);
    }
    await chmod(join(other, "sub"), 0o777);
    const expected = readTreeSync(one).digest;
    expect(readTreeSync(other).digest).toBe(expected);

    const module = new URL("./tree.ts", import.meta.url).href;
    const script = `process.umask(0o077); import(${JSON.stringify(module)}).then((tree) => console.log(tree.readTreeSync(process.argv[1]).digest))`;
    const elsewhere = execFileSync(process.execPath, ["-e", script, other], {
      env: { PATH: process.env["PATH"], TZ: "Pacific/Apia", LC_ALL: "tr_TR.UTF-8" },
    });
    expect(elsewhere.toString().trim()).toBe(expected);
  });

  test("knows names, contents, executable bits, kinds and links", async () => {
    const make: readonly (() => Promise<void>)[] = [
      () => write({ "t/ab": "c" }),
      () => write({ "t/a": "bc" }),
      () => write({ "t/a": "b" }),
      () => write({ "t/a": "b", "t/c": "" }),
      () => write({ "t/a": "b", "t/c/": "" }),
      () => write({ "t/a": "b", "t/c/d": "" }),
      async () => {
        await write({ "t/a": "b" });
        await chmod(join(folder, "t/a"), 0o744);
      },
      async () => {
        await write({ "t/": "" });
        await symlink("b", join(folder, "t/a"));
      },
      async () => {
        await write({ "t/": "" });
        await symlink("c", join(folder, "t/a"));
      },
      () => write({ "t/": "" }),
    ];
    const digests = new Set<string>();
    for (const step of make) {
      await rm(join(folder, "t"), { recursive: true, force: true });
      await step();
      digests.add(readTreeSync(join(folder, "t")).digest);
    }
    expect(digests.size).toBe(make.length);
  });

  test("is this, for ever, for these files", async () => {
    await write({ "app/train.py": "print(1)\n", "run.sh": "#!/bin/sh\n", "data/": "" });
    await chmod(join(folder, "run.sh"), 0o755);
    await symlink("../run.sh", join(folder, "app/run"));
    expect(readTreeSync(folder).digest).toBe(
      "sha256:52e8cc61f9402063f30593eb18df0bfdabee7c22f73edc76556d67cff40622f8",
    );
  });

  test("is the same for any order in which files were written", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.stringMatching(/^[a-cé]{1,2}(\/[a-d]{1,2}){0,2}x$/), { maxLength: 8 }),
        async (names) => {
          const [one, other] = [
            await mkdtemp(join(folder, "1-")),
            await mkdtemp(join(folder, "2-")),
          ];
          await write(Object.fromEntries(names.map((name) => [name, name])), one);
          await write(Object.fromEntries(names.toReversed().map((name) => [name, name])), other);
          expect(readTreeSync(one).digest).toBe(readTreeSync(other).digest);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("with a memo", () => {
  const later = { now: () => Date.now() + 60_000 };

  test("only stat calls read a tree that is known", async () => {
    for (let index = 0; index < 20; index++) await write({ [`f${index}`]: "x".repeat(500_000) });
    const memo = DigestMemo.inMemory(later);
    const start = bytesRead();
    const cold = readTreeSync(folder, { memo });
    const middle = bytesRead();
    const warm = readTreeSync(folder, { memo });
    const end = bytesRead();
    expect(warm).toEqual(cold);
    expect(middle - start).toBeGreaterThan(10_000_000);
    expect(end - middle).toBeLessThan(10_000);
  });

  test("a change is seen, also one of the same length with its times put back", async () => {
    await write({ a: "1111" });
    const memo = DigestMemo.inMemory(later);
    await utimes(join(folder, "a"), 100, 100);
    const before = readTreeSync(folder, { memo });
    await write({ a: "2222" });
    await utimes(join(folder, "a"), 100, 100);
    expect(readTreeSync(folder, { memo }).digest).not.toBe(before.digest);
  });
});

describe("refused is", () => {
  test("a socket, by its name", async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(join(folder, "socket"), listening));
    await expect(readTree(folder)).rejects.toThrow(FileKindError);
    await expect(readTree(folder)).rejects.toThrow(join(folder, "socket"));
    await new Promise((closed) => server.close(closed));
  });

  test("a pipe", async () => {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    await expect(readTree(folder)).rejects.toThrow(FileKindError);
  });

  test("a name that is not UTF-8", async () => {
    await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x61, 0xff])]), "");
    await expect(readTree(folder)).rejects.toThrow(FileNameError);
  });

  test("a link's target that is not UTF-8", async () => {
    await symlink(Buffer.from([0xff]), join(folder, "link"));
    await expect(readTree(folder)).rejects.toThrow(FileNameError);
  });

  test("what is not there, and a file for a folder", async () => {
    await write({ file: "" });
    await expect(readTree(join(folder, "no"))).rejects.toThrow(MissingFileError);
    await expect(readTree(join(folder, "file"))).rejects.toThrow(FileKindError);
    await expect(readTree(join(folder, "file/no"))).rejects.toThrow(MissingFileError);
  });

  test("what the user may not read, by its name", async () => {
    await write({ "open/secret": "", "closed/file": "" });
    await chmod(folder, 0o755);
    await chmod(join(folder, "open/secret"), 0);
    await chmod(join(folder, "closed"), 0);
    const me = process.geteuid?.();
    if (me === 0) process.seteuid?.(65_534);
    try {
      expect(() => readTreeSync(join(folder, "open"))).toThrow(UnreadableFileError);
      expect(() => readTreeSync(join(folder, "open"))).toThrow(join(folder, "open/secret"));
      expect(() => readTreeSync(folder)).toThrow(UnreadableFileError);
    } finally {
      if (me === 0) process.seteuid?.(0);
      await chmod(join(folder, "closed"), 0o700);
    }
  });
});

describe("a tree of single files", () => {
  test("has the names it was given, and follows links", async () => {
    await write({ "a/one.py": "1", two: "2" });
    await symlink("two", join(folder, "link"));
    const tree = await readFiles([
      { path: "z.py", absolute: join(folder, "a/one.py") },
      { path: "b.py", absolute: join(folder, "link") },
    ]);
    expect(tree.files.map((file) => [file.path, file.kind === "file" && file.digest])).toEqual([
      ["b.py", sha256("2")],
      ["z.py", sha256("1")],
    ]);
  });

  test("holds no folder", async () => {
    await expect(readFiles([{ path: "x", absolute: folder }])).rejects.toThrow(FileKindError);
    await expect(readFiles([{ path: "x", absolute: join(folder, "no") }])).rejects.toThrow(
      MissingFileError,
    );
  });
});

describe("a tree's entries", () => {
  test("lie below the destination, parents first, with two modes only", async () => {
    await write({ "bin/run": "x", "a/": "" });
    await chmod(join(folder, "bin/run"), 0o700);
    await symlink("/etc", join(folder, "link"));
    const tree = await readTree(folder);
    expect([...treeEntries(tree, "/opt/app/", { uid: 7, gid: 8 })]).toMatchObject([
      { kind: "directory", path: "opt/app", mode: 0o755, uid: 7, gid: 8 },
      { kind: "directory", path: "opt/app/a", mode: 0o755, uid: 7, gid: 8 },
      { kind: "directory", path: "opt/app/bin", mode: 0o755 },
      { kind: "file", path: "opt/app/bin/run", mode: 0o755, content: { size: 1 }, uid: 7 },
      { kind: "symlink", path: "opt/app/link", target: "/etc", gid: 8 },
    ]);
    expect([...treeEntries(tree, "/")].map((entry) => entry.path)).toEqual([
      "a",
      "bin",
      "bin/run",
      "link",
    ]);
  });

  test("stream what was hashed, as often as asked", async () => {
    const contents = ["", "small", "large ".repeat(100_000)];
    for (const [index, content] of contents.entries()) await write({ [`f${index}`]: content });
    const entries = [...treeEntries(await readTree(folder), "/")];
    for (const [index, content] of contents.entries()) {
      expect(await streamed(entries[index])).toBe(content);
      expect(await streamed(entries[index])).toBe(content);
    }
  });

  test.each([
    ["small", "text"],
    ["large", "x".repeat(600_000)],
  ])("notice that a %s file changed since", async (_, content) => {
    const path = join(folder, "f");
    const changes: readonly (() => Promise<void>)[] = [
      () => appendFile(path, "more"),
      () => writeFile(path, `y${content.slice(1)}`),
      () => writeFile(path, content.slice(1)),
      () => rm(path),
      async () => {
        await rm(path);
        await write({ twin: content });
        await symlink("twin", path);
      },
    ];
    for (const change of changes) {
      await rm(path, { force: true });
      await writeFile(path, content);
      const [entry] = treeEntries(await readFiles([{ path: "f", absolute: path }]), "/");
      await change();
      let given = 0;
      await expect(streamed(entry, (bytes) => (given += bytes))).rejects.toThrow(FileChangedError);
      expect(given).toBeLessThanOrEqual(content.length);
    }
  });

  test("take a hard link for a file", async () => {
    await write({ a: "text" });
    await link(join(folder, "a"), join(folder, "b"));
    const entries = [...treeEntries(await readTree(folder), "/")];
    expect(await streamed(entries[1])).toBe("text");
  });
});
