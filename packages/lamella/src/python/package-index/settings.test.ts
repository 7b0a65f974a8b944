import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { IndexSettingsError } from "../resolution-error.ts";
import { readIndexSettings, withCallSettings } from "./settings.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), "lamella-index-"));
  await mkdir(path.join(home, "wheels"));
});
afterAll(async () => {
  await rm(home, { recursive: true });
});

const read = (env: Record<string, string> = {}) =>
  readIndexSettings({
    env: { HOME: home, XDG_CONFIG_DIRS: home, PIP_CONFIG_FILE: "/dev/null", ...env },
    os: "linux",
  });

test("with nothing set, no address is known: uv's own default holds", async () => {
  expect(await read()).toEqual({
    indexes: [],
    findLinks: [],
    noIndex: false,
    trustedHosts: [],
    steering: {},
  });
});

test("pip's settings where uv has none, folders of wheels only where they are there", async () => {
  expect(
    await read({
      PIP_INDEX_URL: "https://joe:s3cret@pip.example/simple",
      PIP_EXTRA_INDEX_URL: "https://extra.example/simple",
      PIP_FIND_LINKS: `${home}/wheels /nowhere https://links.example/`,
      PIP_TRUSTED_HOST: "pip.example",
      PIP_CERT: "/ca.pem",
    }),
  ).toMatchObject({
    defaultIndex: { url: "https://pip.example/simple", credentials: { username: "joe" } },
    indexes: [{ url: "https://extra.example/simple" }],
    findLinks: [{ url: `file://${home}/wheels` }, { url: "https://links.example/" }],
    trustedHosts: ["pip.example"],
    certificates: "/ca.pem",
  });
});

test("uv's variables go before its files, and those before pip's", async () => {
  await mkdir(path.join(home, ".config", "uv"), { recursive: true });
  const file = path.join(home, ".config", "uv", "uv.toml");
  await writeFile(
    file,
    `no-index = false
[[index]]
name = "corp"
url = "https://corp.example/simple"
[[index]]
url = "https://default.example/simple"
default = true
[[index]]
name = "torch"
url = "https://explicit.example/simple"
explicit = true
[pip]
find-links = ["https://links.example/"]
`,
  );
  const pip = { PIP_INDEX_URL: "https://pip.example/simple", PIP_NO_INDEX: "1" };
  expect(await read(pip)).toMatchObject({
    defaultIndex: { url: "https://default.example/simple" },
    indexes: [{ name: "corp", url: "https://corp.example/simple" }],
    findLinks: [{ url: "https://links.example/" }],
    noIndex: false,
  });
  const settings = await read({
    ...pip,
    UV_DEFAULT_INDEX: "https://env.example/simple",
    UV_INDEX: "acme-one=https://acme.example/simple https://plain.example/simple",
    UV_INDEX_ACME_ONE_USERNAME: "joe",
    UV_INDEX_ACME_ONE_PASSWORD: "s3cret",
    UV_NO_INDEX: "1",
    UV_INDEX_STRATEGY: "unsafe-best-match",
  });
  expect(settings).toMatchObject({
    defaultIndex: { url: "https://env.example/simple" },
    indexes: [{ name: "acme-one" }, { url: "https://plain.example/simple" }],
    noIndex: true,
    steering: { UV_INDEX_STRATEGY: "unsafe-best-match" },
  });
  expect(settings.indexes[0]?.credentials?.password).toBe("s3cret");
  expect(inspect(settings, { depth: 9 }) + JSON.stringify(settings)).not.toContain("s3cret");

  await writeFile(file, "[[index]\n");
  await expect(read()).rejects.toThrow(IndexSettingsError);
  await expect(read()).rejects.toThrow(file);
  await rm(file);
});

test("an address that is none is an error that does not repeat it", async () => {
  const failed = read({ UV_DEFAULT_INDEX: "ftp://joe:s3cret@x.example" });
  await expect(failed).rejects.toThrow(IndexSettingsError);
  await expect(failed).rejects.not.toThrow("s3cret");
});

test("a call's index is asked first; one that every call names is the default", async () => {
  const machine = await read({
    UV_DEFAULT_INDEX: "https://a.example/simple",
    UV_INDEX: "https://b.example/simple",
  });
  const some = withCallSettings(
    machine,
    [{}, { indexUrl: "https://c.example/simple", pre: true } as object],
    {},
  );
  expect(some.defaultIndex?.url).toBe("https://a.example/simple");
  expect(some.indexes.map(({ url }) => url)).toEqual([
    "https://c.example/simple",
    "https://b.example/simple",
  ]);
  const every = withCallSettings(
    machine,
    [
      { indexUrl: "https://c.example/simple" },
      {
        indexUrl: "https://c.example/simple",
        noIndex: true,
        extraIndexUrls: ["https://b.example/simple"],
      },
    ],
    {},
  );
  expect(every.defaultIndex?.url).toBe("https://c.example/simple");
  expect(every.indexes.map(({ url }) => url)).toEqual(["https://b.example/simple"]);
  expect(every.noIndex).toBe(true);
});
