import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Store } from "../store/store.ts";
import { Credentials } from "./package-index/credentials.ts";
import { findUv, uvEnvironment } from "./uv.ts";

let folder: string;
let store: Store;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "lamella-uv-"));
  store = await Store.open(path.join(folder, "store"));
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** A folder for PATH with a shell script in it, as faults of a machine cannot be made otherwise. */
async function withProgram(name: string, script: string): Promise<string> {
  const bin = await mkdtemp(path.join(folder, "bin-"));
  await writeFile(path.join(bin, name), `#!/bin/sh\n${script}\n`);
  await chmod(path.join(bin, name), 0o755);
  return bin;
}

const find = (...folders: string[]) => findUv({ store, env: { PATH: folders.join(":") } });

describe("finding uv", () => {
  test("the first on PATH that runs and is new enough", async () => {
    const broken = await withProgram("uv", "exit 1");
    const old = await withProgram("uv", "echo uv 0.4.30");
    const good = await withProgram("uv", "echo 'uv 0.13.8 (x86_64-unknown-linux-gnu)'");
    const newer = await withProgram("uv", "echo uv 1.0.0");
    expect(await find(broken, old, good, newer)).toBe(path.join(good, "uv"));
    expect(await find(newer, good)).toBe(path.join(newer, "uv"));
  });

  test("never from the working directory", async () => {
    await expect(
      findUv({ store, env: { PATH: `.::${path.relative(process.cwd(), folder)}` } }),
    ).rejects.toMatchObject({
      code: "uv-unavailable",
    });
  });

  test.each([
    ["no Python", undefined, "no python3"],
    ["neither pip nor venv", `echo "$0: No module named pip" >&2; exit 1`, "neither pip nor venv"],
    [
      "an index that does not answer",
      `echo "ERROR: https://joe:s3cret@index.example: no" >&2; exit 1`,
      "could not install it: ERROR: https://***@index.example",
    ],
    ["a uv that does not run", "exit 0", "does not run here"],
  ])("%s: says what is missing and what to do", async (_, script, words) => {
    const PATH = script === undefined ? "/nowhere" : await withProgram("python3", script);
    const failed = findUv({ store, env: { PATH } });
    await expect(failed).rejects.toThrow(words);
    await expect(failed).rejects.toMatchObject({
      code: "uv-unavailable",
      hint: expect.stringContaining("python3-pip") as string,
    });
  });

  test("one that was installed into the store before", async () => {
    const bin = store.path("tools", `uv-${process.platform}-${process.arch}`, "bin");
    await mkdir(bin, { recursive: true });
    await writeFile(path.join(bin, "uv"), "#!/bin/sh\necho uv 0.13.8\n", { mode: 0o755 });
    expect(await findUv({ store, env: { PATH: "/nowhere" } })).toBe(path.join(bin, "uv"));
  });
});

test("uv sees of the environment what is listed, and the index settings", () => {
  const env = {
    HOME: "/h",
    PATH: "/p",
    HTTPS_PROXY: "http://proxy.example",
    UV_NO_BINARY: "1",
    UV_NO_BUILD: "0",
    UV_CONFIG_FILE: "/x",
    UV_PYTHON: "/x",
    UV_OVERRIDE: "/x",
    UV_CONSTRAINT: "/x",
    UV_INDEX: "https://ambient.example/simple",
    UV_DEFAULT_INDEX: "https://ambient.example/simple",
    VIRTUAL_ENV: "/x",
    PYTHONPATH: "/x",
    UV_HTTP_TIMEOUT: "7",
  };
  expect(
    uvEnvironment(env, {
      defaultIndex: {
        url: "https://d.example/simple",
        credentials: new Credentials("jo e", "p/@w"),
      },
      indexes: [{ url: "https://a.example/" }, { url: "https://b.example/" }],
      findLinks: [{ url: "file:///a,b" }, { url: "https://l.example/" }],
      noIndex: false,
      trustedHosts: ["a.example"],
      certificates: "/ca.pem",
      steering: { UV_EXCLUDE_NEWER: "2026-01-01" },
    }),
  ).toEqual({
    HOME: "/h",
    PATH: "/p",
    HTTPS_PROXY: "http://proxy.example",
    UV_HTTP_TIMEOUT: "7",
    UV_NO_CONFIG: "1",
    UV_PYTHON_DOWNLOADS: "never",
    UV_SYSTEM_CERTS: "1",
    UV_NATIVE_TLS: "1",
    UV_EXCLUDE_NEWER: "2026-01-01",
    SSL_CERT_FILE: "/ca.pem",
    UV_DEFAULT_INDEX: "https://jo%20e:p%2F%40w@d.example/simple",
    UV_INDEX: "https://a.example/ https://b.example/",
    UV_FIND_LINKS: "file:///a%2Cb,https://l.example/",
    UV_INSECURE_HOST: "a.example",
  });
});
