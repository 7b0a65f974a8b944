import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Credentials } from "../../python/package-index/credentials.ts";
import type { IndexSettings } from "../../python/package-index/settings.ts";
import { caBundlePath, machineSettings } from "./machine-settings.ts";

const noIndexes: IndexSettings = {
  indexes: [],
  findLinks: [],
  noIndex: false,
  trustedHosts: [],
  steering: {},
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-machine-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("proxies are handed on in the spelling that the machine has them in", async () => {
  const env = {
    http_proxy: "http://a:p%40ss@b:1",
    HTTPS_PROXY: "http://b:2",
    no_proxy: "",
    HOME: "/",
  };
  const { variables, secrets } = await machineSettings(env, noIndexes);
  expect(variables).toMatchObject({ http_proxy: env.http_proxy, HTTPS_PROXY: env.HTTPS_PROXY });
  expect(Object.keys(variables).filter((name) => /no_proxy|HOME/.test(name))).toEqual([]);
  expect(secrets).toEqual(["p@ss"]);
});

test("the bundle that the machine names goes before the system's, and a file that is not there is none", async () => {
  const bundle = join(folder, "ca.pem");
  await writeFile(bundle, "");
  const own = await machineSettings({ SSL_CERT_FILE: bundle }, noIndexes);
  expect(own.caBundle).toBe(bundle);
  expect(own.variables).toMatchObject({
    SSL_CERT_FILE: caBundlePath,
    CURL_CA_BUNDLE: caBundlePath,
  });
  const lost = await machineSettings({ SSL_CERT_FILE: join(folder, "lost.pem") }, noIndexes);
  expect(lost.caBundle).not.toContain("lost");
});

test("package indexes are told by pip's names and uv's, with what they ask of who comes", async () => {
  const credentials = new Credentials("ada", "s3cr@t");
  const { variables, secrets } = await machineSettings(
    {},
    {
      ...noIndexes,
      defaultIndex: { url: "https://a.example/simple", credentials },
      indexes: [{ url: "https://b.example/simple" }, { url: "https://c.example/simple" }],
      trustedHosts: ["a.example"],
    },
  );
  expect(variables).toMatchObject({
    PIP_INDEX_URL: "https://ada:s3cr%40t@a.example/simple",
    UV_DEFAULT_INDEX: "https://ada:s3cr%40t@a.example/simple",
    PIP_EXTRA_INDEX_URL: "https://b.example/simple https://c.example/simple",
    UV_INDEX: "https://b.example/simple https://c.example/simple",
    PIP_TRUSTED_HOST: "a.example",
  });
  expect(secrets).toEqual(["s3cr@t"]);
});
