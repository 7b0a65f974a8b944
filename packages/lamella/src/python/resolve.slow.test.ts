import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tinyWheel, writeTinyWheels } from "../../testing/tiny-wheel.ts";
import { Store } from "../store/store.ts";
import { formatLockFile } from "./lock/format-lock-file.ts";
import { lockedCall } from "./lock/locked-call.ts";
import { parseLockFile } from "./lock/parse-lock-file.ts";
import type { Environment } from "./package-index/pip-settings.ts";
import { parseRequirement, type Requirement } from "./requirements.ts";
import { resolve } from "./resolve.ts";
import type { ResolveCall, ResolveOptions } from "./resolve-options.ts";
import { findUv } from "./uv.ts";

let uv: string;

let folder: string;
let links: string;
let store: Store;
let env: Environment;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "lamella-resolve-"));
  links = path.join(folder, "wheels, all");
  store = await Store.open(path.join(folder, "store"));
  await writeTinyWheels(links, [
    {
      name: "app",
      version: "1.0",
      requires: ["lib>=1", "speedups ; extra == 'fast'"],
      extras: ["fast"],
    },
    { name: "lib", version: "1.0" },
    { name: "lib", version: "1.5" },
    { name: "lib", version: "2.0rc1" },
    {
      name: "speedups",
      version: "3.0",
      tags: "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
    },
    { name: "speedups", version: "3.0", tags: "cp311-cp311-manylinux_2_40_x86_64" },
    { name: "speedups", version: "3.0", tags: "cp311-cp311-manylinux_2_17_aarch64" },
    { name: "speedups", version: "3.0", tags: "cp311-cp311-musllinux_1_1_x86_64" },
    { name: "speedups", version: "3.0" },
    { name: "new-python", version: "1.0", requiresPython: ">=3.12" },
    { name: "windows", version: "1.0", tags: "cp311-cp311-win_amd64" },
    { name: "old", version: "1.0", requires: ["lib<1.5"] },
    { name: "patch", version: "1.0", requires: ["lib ; python_full_version < '3.11.3'"] },
    { name: "elsewhere", version: "1.0", requires: ["lib ; platform_machine == 'aarch64'"] },
  ]);
  const { PATH, HOME } = process.env;
  // Found on PATH, or installed through the index of the machine.
  uv = await findUv({ store, env: process.env });
  env = {
    PATH,
    HOME,
    UV_FIND_LINKS: links.replaceAll(",", "%2C"),
    UV_NO_INDEX: "1",
    PIP_CONFIG_FILE: "/dev/null",
  };
  // A path with a comma cannot be said in UV_FIND_LINKS; a file: address can.
  env = { ...env, UV_FIND_LINKS: `file://${links.replaceAll(",", "%2C").replaceAll(" ", "%20")}` };
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function call(...lines: (string | Partial<ResolveCall>)[]): ResolveCall {
  const settings = lines.filter((one) => typeof one !== "string");
  return Object.assign(
    { requirements: list(lines.filter((one) => typeof one === "string")) },
    ...settings,
  );
}

function list(lines: readonly string[]): Requirement[] {
  return lines.map((line) => parseRequirement(line, { where: "image.ts", directory: folder }));
}

async function lock(calls: readonly ResolveCall[], more: Partial<ResolveOptions> = {}) {
  return await resolve({
    calls,
    python: "3.11",
    platform: "linux/amd64",
    libc: { kind: "glibc", major: 2, minor: 36 },
    store,
    env,
    ...more,
  });
}

async function versions(...args: Parameters<typeof lock>): Promise<string[]> {
  return (await lock(...args)).packages.map((one) => `${one.name} ${one.version} ${one.call}`);
}

describe("from a folder of wheels", { timeout: 30_000 }, () => {
  test("a package and what it depends on, with hashes", async () => {
    const { packages } = await lock([call("app")]);
    const { filename, sha256, bytes } = tinyWheel({ name: "lib", version: "1.5" });
    expect(packages.map(({ name }) => name)).toEqual(["app", "lib"]);
    expect(packages[1]).toEqual({
      name: "lib",
      version: "1.5",
      call: 0,
      wheel: {
        filename,
        url: `file://${links.replaceAll(" ", "%20")}/${filename}`,
        sha256,
        size: bytes.length,
      },
    });
  });

  test("nothing asked for is nothing found", async () => {
    expect((await lock([call(), call()])).packages).toEqual([]);
  });

  test("each package belongs to the first call that needs it, extras of later calls to those", async () => {
    expect(
      await versions([
        call("app"),
        call("app[fast]"),
        call("old==1.0 ; sys_platform == 'win32'", "lib"),
      ]),
    ).toEqual(["app 1.0 0", "lib 1.5 0", "speedups 3.0 1"]);
    expect(await versions([call(), call("lib"), call("app")])).toEqual(["app 1.0 2", "lib 1.5 1"]);
  });

  test.each([
    [
      "linux/amd64",
      { kind: "glibc", major: 2, minor: 36 },
      "manylinux_2_17_x86_64.manylinux2014_x86_64",
    ],
    ["linux/amd64", { kind: "glibc", major: 2, minor: 41 }, "manylinux_2_40_x86_64"],
    ["linux/amd64", { kind: "musl", major: 1, minor: 2 }, "musllinux_1_1_x86_64"],
    ["linux/arm64", { kind: "glibc", major: 2, minor: 36 }, "manylinux_2_17_aarch64"],
    ["linux/arm64", { kind: "musl", major: 1, minor: 2 }, "py3-none-any"],
  ] as const)("the wheel for %s with %o", async (platform, libc, tags) => {
    const { packages } = await lock([call("speedups")], { platform, libc });
    expect(packages[0]?.wheel.filename).toContain(tags);
  });

  test("what is installed, and what was locked before, stays where it may", async () => {
    const installed = [
      { name: "Lib", version: "1.0" },
      { name: "broken", version: "not a version" },
    ];
    expect(await versions([call("app")], { installed })).toEqual(["app 1.0 0", "lib 1.0 0"]);
    expect(await versions([call("app", "lib>1")], { installed })).toEqual([
      "app 1.0 0",
      "lib 1.5 0",
    ]);
    const preferences = await lock([call("lib==1.0")]);
    expect(await versions([call("app")], { preferences })).toEqual(["app 1.0 0", "lib 1.0 0"]);
    expect(await versions([call("app")], { preferences, upgrade: true })).toEqual([
      "app 1.0 0",
      "lib 1.5 0",
    ]);
  });

  test("pre-releases for the packages of the call that asks for them", async () => {
    expect(await versions([call("app")])).toContain("lib 1.5 0");
    expect(await versions([call("app"), call("lib", { pre: true })])).toContain("lib 2.0rc1 0");
    expect(await versions([call("app"), call("speedups", { pre: true })])).toContain("lib 1.5 0");
  });

  test("constraints bound and install nothing", async () => {
    expect(
      await versions([call("app", { constraints: list(["lib<1.5", "old[x]==1.0"]) })]),
    ).toEqual(["app 1.0 0", "lib 1.0 0"]);
  });

  test("markers are judged by the base's own patch release", async () => {
    expect(await versions([call("patch")], { pythonFullVersion: "3.11.2" })).toContain("lib 1.5 0");
    expect(await versions([call("patch")], { pythonFullVersion: "3.11.9" })).toEqual([
      "patch 1.0 0",
    ]);
    expect(await versions([call("elsewhere")])).toEqual(["elsewhere 1.0 0"]);
    expect(await versions([call("elsewhere")], { platform: "linux/arm64" })).toContain("lib 1.5 0");
  });

  test("a Python that is not on this machine", async () => {
    expect(await versions([call("app")], { python: "3.14" })).toEqual(["app 1.0 0", "lib 1.5 0"]);
    expect(await versions([call("new-python")], { python: "3.14" })).toEqual(["new-python 1.0 0"]);
  });

  test("a local wheel, by its content", async () => {
    const own = { name: "own", version: "1.0", requires: ["lib"] };
    const [file = ""] = await writeTinyWheels(path.join(folder, "dist"), [own]);
    const first = await lock([call("./dist/own-1.0-py3-none-any.whl")]);
    expect(first.packages).toMatchObject([
      { name: "lib" },
      { name: "own", directUrl: `file://${file}`, wheel: { sha256: tinyWheel(own).sha256 } },
    ]);
    await rm(file);
    await writeTinyWheels(path.dirname(file), [{ ...own, requires: [] }]);
    const second = await lock([call("./dist/own-1.0-py3-none-any.whl")]);
    expect(second.packages.map(({ name }) => name)).toEqual(["own"]);
    expect(second.packages[0]?.wheel.sha256).toBe(tinyWheel({ ...own, requires: [] }).sha256);
  });

  test("hashes of a requirement hold", async () => {
    const good = tinyWheel({ name: "lib", version: "1.0" }).sha256;
    expect(await versions([call(`lib==1.0 --hash=sha256:${good}`)])).toEqual(["lib 1.0 0"]);
    await expect(lock([call(`lib==1.0 --hash=sha256:${"0".repeat(64)}`)])).rejects.toMatchObject({
      code: "wheel-hash-mismatch",
    });
    const app = tinyWheel({
      name: "app",
      version: "1.0",
      requires: ["lib>=1", "speedups ; extra == 'fast'"],
      extras: ["fast"],
    }).sha256;
    await expect(lock([call(`app --hash=sha256:${app}`)])).rejects.toMatchObject({
      code: "wheel-hash-mismatch",
      hint: expect.stringMatching(/lib==1\.5 --hash=sha256:[0-9a-f]{64}/) as string,
    });
  });

  test.each([
    ["package-unknown", "no-such-package", "no-such-package"],
    ["package-no-matching-version", "lib==99", "lib"],
    ["package-no-wheel", "windows", "windows"],
    ["package-no-matching-version", "new-python", "new-python"],
  ])("%s: %s", async (code, requirement, name) => {
    await expect(lock([call(requirement)])).rejects.toMatchObject({ code, package: name });
  });

  test("requirements that contradict each other", async () => {
    await expect(lock([call("old"), call("lib>=1.5")])).rejects.toMatchObject({
      code: "resolution-conflict",
    });
  });

  test("wheels and folders that are not there", async () => {
    await expect(lock([call("./none-1.0-py3-none-any.whl")])).rejects.toMatchObject({
      code: "wheel-not-found",
    });
    await expect(
      lock([call("lib", { findLinks: ["file:///nowhere/at/all"] })]),
    ).rejects.toMatchObject({ code: "wheel-not-found" });
  });

  test("the answer is kept until an upgrade, and asks for nothing", async () => {
    await using own = await Store.open(path.join(folder, "own-store"));
    const more = path.join(folder, "more");
    await writeTinyWheels(more, [{ name: "kept", version: "1.0" }]);
    const options = { store: own, env: { ...env, UV_FIND_LINKS: more } };
    expect(await versions([call("kept")], options)).toEqual(["kept 1.0 0"]);
    const start = performance.now();
    // No uv, no Python: nothing is started.
    expect(
      await versions([call("kept")], { ...options, env: { ...options.env, PATH: "/nowhere" } }),
    ).toEqual(["kept 1.0 0"]);
    expect(performance.now() - start).toBeLessThan(500);
    // A folder answers by what lies in it, so that something new in it is seen without being asked for.
    await writeTinyWheels(more, [{ name: "kept", version: "2.0" }]);
    expect(await versions([call("kept")], options)).toEqual(["kept 2.0 0"]);
    await using other = await Store.open(path.join(folder, "other-store"));
    expect(
      await versions([call("kept==1.0")], { ...options, store: other, upgrade: true }),
    ).toEqual(["kept 1.0 0"]);
  });

  test("a password of an index is in no argument, no file of the store and no error", async () => {
    const index = "http://joe:s3cret@127.0.0.1:1/simple";
    const failed = lock([call("lib==99", { indexUrl: index })], {
      env: { ...env, UV_NO_INDEX: "0", UV_HTTP_RETRIES: "0" },
    });
    const error: unknown = await failed.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "index-unreachable" });
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain("s3cret");
    expect(
      JSON.stringify(lockedCall(call("lib", { indexUrl: index }), { directory: folder })),
    ).not.toContain("s3cret");
    const { stdout } = await promisify(execFile)("grep", ["-rl", "s3cret", store.root]).catch(
      (reason: unknown) => reason as { stdout: string },
    );
    expect(stdout).toBe("");
  });

  test("cancelling ends uv and leaves nothing", async () => {
    const controller = new AbortController();
    const failed = lock([call("app", "old")], { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await expect(failed).rejects.toThrow();
    const sessions = await readdir(store.path("sessions"), { recursive: true });
    expect(sessions.filter((name) => name.includes("resolve"))).toEqual([]);
  });

  test("uv installs from the lock file of two platforms what each of them has", async () => {
    const calls = [call("app[fast]"), call("./dist/direct-1.0-py3-none-any.whl")];
    await writeTinyWheels(path.join(folder, "dist"), [{ name: "direct", version: "1.0" }]);
    const amd64 = await lock(calls);
    const arm64 = await lock(calls, { platform: "linux/arm64", preferences: amd64 });
    const text = formatLockFile(
      {
        locks: [amd64, arm64],
        calls: calls.map((one) => lockedCall(one, { directory: folder })),
        extra: {},
      },
      { directory: folder },
    );
    const file = path.join(folder, "pylock.two.toml");
    await writeFile(file, text);
    expect(parseLockFile({ path: file, text }).locks).toEqual([amd64, arm64]);
    for (const [machine, tag] of [
      ["x86_64", "x86_64"],
      ["aarch64", "aarch64"],
    ] as const) {
      const target = path.join(folder, `installed-${machine}`);
      await mkdir(target);
      await promisify(execFile)(
        uv,
        [
          "pip",
          "install",
          "--no-config",
          "--offline",
          "--quiet",
          "--target",
          target,
          "--python-version",
          "3.11",
        ].concat(["--python-platform", `${machine}-manylinux_2_36`, "--preview", "-r", file]),
        { cwd: folder, env: { ...process.env, UV_CACHE_DIR: store.path("uv-cache") } },
      );
      const installed = await readdir(target);
      expect(installed.filter((name) => name.endsWith(".py")).sort()).toEqual([
        "app.py",
        "direct.py",
        "lib.py",
        "speedups.py",
      ]);
      const { stdout } = await promisify(execFile)("cat", [
        `${target}/speedups-3.0.dist-info/WHEEL`,
      ]);
      expect(stdout).toContain(tag);
    }
  });
});
