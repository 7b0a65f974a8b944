import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Store } from "../store/store.ts";
import { WheelDownloader } from "./download.ts";
import { executables } from "./process.ts";
import { parseRequirement } from "./requirements.ts";
import { resolve } from "./resolve.ts";
import { findUv } from "./uv.ts";

// With the machine's own package index, whatever that is.
let folder: string;
let store: Store;
let env: Record<string, string | undefined>;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "lamella-uv-"));
  store = await Store.open(path.join(folder, "store"));
  // A PATH that has Python and nothing else, so that uv has to be installed.
  const bin = path.join(folder, "bin");
  const [python = ""] = await executables("python3", process.env);
  await mkdir(bin);
  await symlink(python, path.join(bin, "python3"));
  env = { ...process.env, PATH: `${bin}:/usr/bin:/bin` };
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test("uv is installed once, through the machine's own settings, also when many want it", async () => {
  let announced = 0;
  const onInstall = (): void => {
    announced++;
  };
  const found = await Promise.all([1, 2, 3].map(() => findUv({ store, env, onInstall })));
  expect(announced).toBe(1);
  expect(new Set(found).size).toBe(1);
  const start = performance.now();
  expect(await findUv({ store, env: { ...env, PATH: "/nowhere" } })).toBe(found[0]);
  expect(performance.now() - start).toBeLessThan(1_000);
});

test("real packages for both platforms, their wheels fetched", async () => {
  const ask = (platform: "linux/amd64" | "linux/arm64") =>
    resolve({
      calls: [["pandas"], ["requests[socks]", "attrs"]].map((lines) => ({
        requirements: lines.map((line) =>
          parseRequirement(line, { where: "test", directory: folder }),
        ),
      })),
      python: "3.11",
      pythonFullVersion: "3.11.2",
      platform,
      libc: { kind: "glibc", major: 2, minor: 36 },
      store,
      env,
    });
  const [amd64, arm64] = [await ask("linux/amd64"), await ask("linux/arm64")];
  const calls = new Map(amd64.packages.map(({ name, call }) => [name, call]));
  expect([calls.get("numpy"), calls.get("attrs"), calls.get("pysocks")]).toEqual([0, 1, 1]);
  const numpy = (lock: typeof amd64) =>
    lock.packages.find(({ name }) => name === "numpy")?.wheel.filename;
  expect(numpy(amd64)).toMatch(/cp311-cp311-manylinux.*x86_64\.whl$/);
  expect(numpy(arm64)).toMatch(/cp311-cp311-manylinux.*aarch64\.whl$/);

  await using downloader = await WheelDownloader.open({ store, env });
  await Promise.all(
    amd64.packages.map(async ({ wheel }) => {
      const size = await downloader.size(wheel);
      expect((await downloader.fetch(wheel)).size).toBe(size);
    }),
  );
});

const ask = (line: string, more: Record<string, string> = {}) =>
  resolve({
    calls: [{ requirements: [parseRequirement(line, { where: "test", directory: folder })] }],
    python: "3.11",
    platform: "linux/amd64",
    libc: { kind: "glibc", major: 2, minor: 36 },
    store,
    env: { ...env, UV_HTTP_RETRIES: "0", ...more },
  });

test("errors of a real index name the package and the way out", async () => {
  await expect(ask("this-package-is-not-there-zzz")).rejects.toMatchObject({
    code: "package-unknown",
  });
  await expect(ask("six==99")).rejects.toMatchObject({ code: "package-no-matching-version" });
  await expect(ask("docopt")).rejects.toMatchObject({
    code: "package-no-wheel",
    package: "docopt",
  });
  await expect(ask("pywin32")).rejects.toMatchObject({
    code: "package-no-wheel",
    package: "pywin32",
  });
  await expect(
    ask("numpy<2", { UV_DEFAULT_INDEX: "http://127.0.0.1:1/simple" }),
  ).rejects.toMatchObject({
    code: "index-unreachable",
  });
});
