import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatLockFile } from "./lock/format-lock-file.ts";
import type { LockFile } from "./lock/lock-file.ts";
import { parseLockFile } from "./lock/parse-lock-file.ts";
import { staleReasons } from "./lock/stale-reasons.ts";
import {
  differingVersions,
  type Lock,
  type LockedPackage,
  parseLock,
  type SourceFile,
} from "./lock.ts";
import type { ExactSource } from "./package-source.ts";
import { InvalidLockError } from "./resolution-error.ts";

const source = "/project/pylock.trainer.toml";
const glibc = { kind: "glibc", major: 2, minor: 36 } as const;
const hash = (digit: string): string => digit.repeat(64);

function locked(
  name: string,
  tags: string,
  digit: string,
  more: Partial<LockedPackage> = {},
): LockedPackage {
  const filename = `${name.replaceAll("-", "_")}-1.0-${tags}.whl`;
  return {
    name,
    version: "1.0",
    call: 0,
    wheel: { filename, url: `https://files.example/${filename}`, sha256: hash(digit), size: 7 },
    ...more,
  };
}

const local = "six-1.0-py3-none-any.whl";
const localWheel = { filename: local, url: `file:///project/wheels/${local}`, sha256: hash("e") };

const amd64: Lock = {
  python: "3.11",
  platform: "linux/amd64",
  libc: glibc,
  packages: [
    locked("attrs", "py3-none-any", "a"),
    locked("numpy", "cp311-cp311-manylinux_2_28_x86_64", "b", { call: 1 }),
    locked("nvidia-nccl", "py3-none-manylinux_2_18_x86_64", "c"),
    { name: "six", version: "1.0", call: 0, wheel: localWheel, directUrl: localWheel.url },
  ],
};
const arm64: Lock = {
  python: "3.11",
  platform: "linux/arm64",
  libc: { ...glibc, minor: 41 },
  packages: [
    locked("attrs", "py3-none-any", "a"),
    locked("numpy", "cp311-cp311-manylinux_2_28_aarch64", "d", { call: 1 }),
    { name: "six", version: "1.0", call: 0, wheel: localWheel, directUrl: localWheel.url },
  ],
};
const file: LockFile = {
  calls: [
    {
      requirements: ["attrs", "six @ wheels/six-1.0-py3-none-any.whl"],
      constraints: [],
      settings: [],
    },
    { requirements: ["numpy"], constraints: ["numpy<3"], settings: ["--pre"] },
  ],
  locks: [amd64, arm64],
  extra: {
    base: { "linux/amd64": `sha256:${hash("f")}` },
    order: ["numpy", "attrs"],
    compiler: "3.11.2",
  },
};

const text = formatLockFile(file, { directory: "/project" });
const read = (changed: string): LockFile => parseLockFile({ path: source, text: changed });

test("a lock of two platforms is one file, and is read back as it was", () => {
  expect(read(text)).toEqual(file);
  expect(formatLockFile(read(text), { directory: "/project" })).toBe(text);
});

/** The lock with a row of another package. */
const withRow = (more: string): string =>
  text.replace(
    "[[packages]]",
    `[[packages]]\nname = "own"\nversion = "1"\n${more}\n[packages.tool.lamella]\ncall = 0\n\n[[packages]]`,
  );

describe("what was built from source", () => {
  const wheel = { filename: "x-1.0-py3-none-any.whl", url: "file:///store/x", sha256: hash("9") };
  const sdist = (url: string): SourceFile => ({
    filename: "own-1.0.tar.gz",
    url,
    sha256: hash("8"),
    size: 9,
  });
  const repository = { kind: "repository", url: "https://h.example/r.git" } as const;
  const sources: readonly ExactSource[] = [
    { kind: "sdist", file: sdist("https://files.example/own-1.0.tar.gz") },
    { kind: "archive", file: sdist("file:///project/dist/own-1.0.tar.gz") },
    { kind: "archive", file: sdist("https://files.example/own-1.0.tar.gz") },
    { ...repository, commit: hash("7").slice(24) },
    { ...repository, reference: "main", subdirectory: "a/b", commit: hash("7") },
    { kind: "folder", path: "/project/lib", digest: `sha256:${hash("6")}` },
  ];

  test.each(sources)("is locked by its source: $kind", (from) => {
    const entry = { name: "own", version: "1.0", call: 0, source: from };
    const target = { python: "3.11", platform: "linux/amd64", libc: glibc } as const;
    const calls = [{ requirements: ["own"], constraints: [], settings: [] }];
    const built: LockFile = {
      ...file,
      calls,
      locks: [{ ...target, packages: [{ ...entry, wheel }] }],
    };
    const written = formatLockFile(built, { directory: "/project" });
    // Neither the wheel, which only one machine has, nor where anything lies there.
    expect(written).not.toMatch(/\.whl|\/store|\/project/);
    const again = read(written);
    expect(again.locks).toEqual([{ ...target, packages: [], unbuilt: [entry] }]);
    expect(formatLockFile(again, { directory: "/project" })).toBe(written);
  });

  test("and not by what is none", () => {
    expect(() => read(withRow("[packages.vcs]\ntype = 'hg'\nurl = 'x'\ncommit-id = 'y'"))).toThrow(
      /own: its vcs is malformed \(type\)/,
    );
    expect(() =>
      read(withRow("[packages.vcs]\ntype = 'git'\nurl = 'x'\ncommit-id = '--upload-pack=y'")),
    ).toThrow(/own: its vcs is malformed \(commit-id\)/);
    expect(() => read(withRow("[packages.directory]\npath = 'lib'"))).toThrow(
      /own: its tool.lamella is malformed \(tree\)/,
    );
    expect(() =>
      read(withRow("[packages.sdist]\nurl = 'https://u:p@h/own-1.tar.gz'\nhashes = {}")),
    ).toThrow(/own: the address of its source holds a user name/);
  });
});

test("a lock of one platform is read back as it was", () => {
  const single: LockFile = { ...file, locks: [amd64] };
  expect(read(formatLockFile(single, { directory: "/project" }))).toEqual(single);
});

test("the file as people see it", () => {
  expect(text).toMatchInlineSnapshot(`
    "lock-version = "1.0"
    environments = [ "sys_platform == 'linux' and platform_machine == 'x86_64' and implementation_name == 'cpython' and python_version == '3.11'", "sys_platform == 'linux' and platform_machine == 'aarch64' and implementation_name == 'cpython' and python_version == '3.11'" ]
    requires-python = "==3.11.*"
    created-by = "lamella"

    [[packages]]
    name = "attrs"
    version = "1.0"

    [[packages.wheels]]
    name = "attrs-1.0-py3-none-any.whl"
    url = "https://files.example/attrs-1.0-py3-none-any.whl"
    size = 7

    [packages.wheels.hashes]
    sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

    [packages.tool.lamella]
    call = 0

    [[packages]]
    name = "numpy"
    version = "1.0"

    [[packages.wheels]]
    name = "numpy-1.0-cp311-cp311-manylinux_2_28_aarch64.whl"
    url = "https://files.example/numpy-1.0-cp311-cp311-manylinux_2_28_aarch64.whl"
    size = 7

    [packages.wheels.hashes]
    sha256 = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

    [[packages.wheels]]
    name = "numpy-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
    url = "https://files.example/numpy-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
    size = 7

    [packages.wheels.hashes]
    sha256 = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

    [packages.tool.lamella]
    call = 1

    [[packages]]
    name = "nvidia-nccl"
    version = "1.0"
    marker = "platform_machine == 'x86_64'"

    [[packages.wheels]]
    name = "nvidia_nccl-1.0-py3-none-manylinux_2_18_x86_64.whl"
    url = "https://files.example/nvidia_nccl-1.0-py3-none-manylinux_2_18_x86_64.whl"
    size = 7

    [packages.wheels.hashes]
    sha256 = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

    [packages.tool.lamella]
    call = 0

    [[packages]]
    name = "six"
    version = "1.0"

    [packages.archive]
    path = "wheels/six-1.0-py3-none-any.whl"

    [packages.archive.hashes]
    sha256 = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"

    [packages.tool.lamella]
    call = 0

    [tool.lamella]
    order = [ "numpy", "attrs" ]
    compiler = "3.11.2"

    [tool.lamella.base]
    "linux/amd64" = "sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

    [tool.lamella.resolution]
    version = 1
    python = "3.11"

    [tool.lamella.resolution.platforms."linux/amd64"]
    kind = "glibc"
    major = 2
    minor = 36

    [tool.lamella.resolution.platforms."linux/arm64"]
    kind = "glibc"
    major = 2
    minor = 41

    [[tool.lamella.resolution.calls]]
    requirements = [ "attrs", "six @ wheels/six-1.0-py3-none-any.whl" ]
    constraints = []
    settings = []

    [[tool.lamella.resolution.calls]]
    requirements = [ "numpy" ]
    constraints = [ "numpy<3" ]
    settings = [ "--pre" ]
    "
  `);
});

test("paths are relative to the file: moved with its wheels, it means the moved wheels", () => {
  const moved = parseLockFile({ path: "/else/where/l.toml", text });
  expect(moved.locks[0]?.packages.at(-1)?.wheel.url).toBe(`file:///else/where/wheels/${local}`);
});

describe("what is damaged or hostile is refused, and the file is named", () => {
  test.each<[string, string, (text: string) => string]>([
    ["no TOML", ":104 cannot be used: it is no TOML", (t) => `${t}\n[`],
    [
      "another version",
      ':1 cannot be used: it has the format version "2.0", not 1.0.',
      (t) => t.replace('lock-version = "1.0"', 'lock-version = "2.0"'),
    ],
    [
      "no version",
      " cannot be used: lock-version is missing.",
      (t) => t.replace('lock-version = "1.0"', ""),
    ],
    [
      "another writer",
      " cannot be used: it has no table [tool.lamella.resolution]",
      (t) => t.replaceAll("tool.lamella", "tool.other"),
    ],
    [
      "a later record",
      ":81 cannot be used: a newer Lamella wrote it",
      (t) =>
        t.replace(
          "[tool.lamella.resolution]\nversion = 1",
          "[tool.lamella.resolution]\nversion = 2",
        ),
    ],
    [
      "a hash too short",
      ":10 cannot be used: attrs: the wheel attrs-1.0-py3-none-any.whl has no SHA-256 hash.",
      (t) => t.replace(hash("a"), "aa"),
    ],
    [
      "no SHA-256",
      ":10 cannot be used: attrs: the wheel attrs-1.0-py3-none-any.whl has no SHA-256 hash.",
      (t) => t.replace(`sha256 = "${hash("a")}"`, `sha512 = "${hash("a")}"`),
    ],
    [
      "a password",
      ":10 cannot be used: attrs: a wheel's address holds a user name or password.",
      (t) => t.replace("https://files.example/attrs", "https://joe:s3cret@files.example/attrs"),
    ],
    [
      "another scheme",
      ":10 cannot be used: attrs: a wheel's address is no https: or file: URL.",
      (t) => t.replace("https://files.example/attrs", "ftp://files.example/attrs"),
    ],
    [
      "a wheel of another package",
      ":10 cannot be used: attrs: the wheel other-1.0-py3-none-any.whl is of another package.",
      (t) => t.replaceAll("attrs-1.0-py3", "other-1.0-py3"),
    ],
    [
      "a name that is not the address's",
      ':10 cannot be used: attrs: the wheel "attrs-1.1',
      (t) => t.replace('name = "attrs-1.0', 'name = "attrs-1.1'),
    ],
    [
      "another file as archive",
      ":64 cannot be used: six: ",
      (t) => t.replaceAll(local, "six-1.0.txt"),
    ],
    [
      "a path as name",
      ":10 cannot be used: attrs: ",
      (t) => t.replace("https://files.example/attrs-", "https://files.example/%2e%2e%2fattrs-"),
    ],
    [
      "a package twice",
      ":21 cannot be used: it has numpy twice for linux/amd64.",
      (t) => t.replace('name = "attrs"', 'name = "numpy"').replaceAll("attrs-", "numpy-"),
    ],
    [
      "a marker to evaluate",
      ":47 cannot be used: the marker of nvidia-nccl is none that Lamella writes.",
      (t) => t.replace("platform_machine == 'x86_64'\"", "os_name == 'posix'\""),
    ],
    [
      "no wheel for the platform",
      ":21 cannot be used: numpy has no wheel for Python 3.11 on linux/arm64.",
      (t) => t.replaceAll("_aarch64", "_ppc64le"),
    ],
    [
      "a call that is not there",
      ":42 cannot be used: numpy belongs to a call that is not there.",
      (t) => t.replace("call = 1", "call = 9"),
    ],
    [
      "a negative size",
      ":13 cannot be used: packages[0].wheels[0].size is out of range.",
      (t) => t.replace("size = 7", "size = -7"),
    ],
    [
      "a name that is none",
      ":7 cannot be used: packages[0].name is malformed.",
      (t) => t.replace('name = "attrs"', 'name = "../attrs"'),
    ],
    [
      "url and path",
      ":10 cannot be used: a wheel of attrs has not exactly one of url and path.",
      (t) =>
        t.replace(
          'url = "https://files.example/attrs',
          'path = "x"\nurl = "https://files.example/attrs',
        ),
    ],
    [
      "a very long file",
      " cannot be used: it is too long.",
      (t) => `${t}#${"x".repeat(17 * 1024 * 1024)}`,
    ],
    [
      "a number for text",
      ":82 cannot be used: tool.lamella.resolution.python is not text.",
      (t) => t.replace('python = "3.11"\n\n[tool', "python = 3.11\n\n[tool"),
    ],
    [
      "another C library",
      ':85 cannot be used: tool.lamella.resolution.platforms."linux/amd64".kind is none of "glibc", "musl".',
      (t) => t.replace('"glibc"', '"bionic"'),
    ],
    [
      "no calls",
      ":80 cannot be used: tool.lamella.resolution.calls is missing.",
      (t) => t.replaceAll("resolution.calls", "resolution.called"),
    ],
    [
      "a row of no call",
      ":18 cannot be used: packages[0].tool.lamella.call is missing.",
      (t) => t.replace("call = 0", "called = 0"),
    ],
  ])("%s", (_, why, change) => {
    const changed = change(text);
    expect(changed).not.toBe(text);
    expect(() => read(changed)).toThrow(InvalidLockError);
    expect(() => read(changed)).toThrow(`The lock ${source}${why}`);
    expect(() => read(changed)).not.toThrow("s3cret");
  });

  test("no change of the text makes anything but a lock or that error", () => {
    fc.assert(
      fc.property(
        fc.nat(text.length),
        fc.nat(40),
        fc.string({ maxLength: 6 }),
        (start, length, inserted) => {
          try {
            read(text.slice(0, start) + inserted + text.slice(start + length));
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidLockError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

test("JSON gives the same lock, and nothing else is taken for one", () => {
  expect(parseLock(JSON.parse(JSON.stringify(amd64)))).toEqual(amd64);
  expect(() => parseLock({ ...amd64, platform: "plan9/mips" })).toThrow();
  expect(() => parseLock({})).toThrow();
});

describe("whether a lock still answers", () => {
  const wanted = {
    python: "3.11",
    targets: [amd64, arm64] as readonly Lock[],
    calls: file.calls,
  };

  test("it does for what it was made for", () => {
    expect(staleReasons(file, wanted)).toEqual([]);
    expect(staleReasons(file, { ...wanted, targets: [arm64] })).toEqual([]);
  });

  test("and says why it does not", () => {
    const [first, second] = file.calls as [LockFile["calls"][0], LockFile["calls"][0]];
    const reasons = (change: Partial<typeof wanted>): string[] =>
      staleReasons(file, { ...wanted, ...change });
    expect(reasons({ python: "3.12" })).toEqual(["It is for Python 3.11, not 3.12."]);
    expect(
      reasons({ targets: [{ ...amd64, libc: { kind: "musl", major: 1, minor: 2 } }] }),
    ).toEqual(["It is for a base with glibc 2.36, not musl 1.2, on linux/amd64."]);
    expect(staleReasons({ ...file, locks: [amd64] }, wanted)).toEqual([
      "It has no packages for linux/arm64.",
    ]);
    expect(reasons({ calls: [first] })).toEqual(["It was made for 2 lists of packages, not 1."]);
    expect(reasons({ calls: [{ ...first, requirements: ["attrs>=2"] }, second] })).toEqual([
      "It does not know: attrs>=2.",
      "It still has: attrs, six @ wheels/six-1.0-py3-none-any.whl.",
    ]);
    expect(reasons({ calls: [first, { ...second, settings: [] }] })).toEqual([
      "It still has: --pre.",
    ]);
  });
});

test("versions that differ between platforms are told", () => {
  const other = {
    ...arm64,
    packages: arm64.packages.map((one) => ({
      ...one,
      version: one.name === "numpy" ? "2.0" : "1.0",
    })),
  };
  expect(differingVersions(amd64, other)).toEqual([{ name: "numpy", versions: ["1.0", "2.0"] }]);
  const both = read(formatLockFile({ ...file, locks: [amd64, other] }, { directory: "/project" }));
  expect(both.locks).toEqual([amd64, other]);
});
