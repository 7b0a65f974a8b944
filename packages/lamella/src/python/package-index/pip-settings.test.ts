import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseConfigurationFile, readPipSettings } from "./pip-settings.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), "lamella-pip-"));
  const files = {
    "xdg/pip/pip.conf": "[global]\nindex-url = https://global.example/simple\ntimeout = 5\n",
    ".pip/pip.conf": "[global]\nfind_links =\n    /wheels/a\n    /wheels/b\n",
    ".config/pip/pip.conf":
      "[global]\nindex-url: https://user.example/simple\nno-index = no\n[install]\nextra-index-url = https://one.example/simple https://two.example/simple\n",
    "venv/pip.conf": "[global]\ntrusted-host = venv.example\n",
    "extra.conf": "[install]\nindex-url = https://file.example/simple\n",
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(home, name)), { recursive: true });
    await writeFile(path.join(home, name), text);
  }
});
afterAll(async () => {
  await rm(home, { recursive: true });
});

const read = (env: Record<string, string>) =>
  readPipSettings({ env: { XDG_CONFIG_DIRS: path.join(home, "xdg"), ...env }, home, os: "linux" });

test("files in pip's order: user before global, the virtual environment, then PIP_CONFIG_FILE", async () => {
  expect(await read({})).toMatchObject({
    indexUrl: "https://user.example/simple",
    extraIndexUrls: ["https://one.example/simple", "https://two.example/simple"],
    findLinks: ["/wheels/a", "/wheels/b"],
    noIndex: false,
    trustedHosts: [],
  });
  const all = await read({
    VIRTUAL_ENV: path.join(home, "venv"),
    PIP_CONFIG_FILE: path.join(home, "extra.conf"),
  });
  expect(all).toMatchObject({
    indexUrl: "https://file.example/simple",
    trustedHosts: ["venv.example"],
  });
});

test("variables go before every file, and files can be switched off", async () => {
  expect(
    await read({
      PIP_INDEX_URL: "https://env.example/simple",
      PIP_FIND_LINKS: "/x https://links.example",
      PIP_NO_INDEX: "1",
      PIP_CERT: "/ca.pem",
    }),
  ).toMatchObject({
    indexUrl: "https://env.example/simple",
    findLinks: ["/x", "https://links.example"],
    noIndex: true,
    cert: "/ca.pem",
  });
  expect(await read({ PIP_CONFIG_FILE: "/dev/null" })).toEqual({
    extraIndexUrls: [],
    findLinks: [],
    noIndex: false,
    trustedHosts: [],
  });
});

test("the dialect of pip.conf", () => {
  const sections = parseConfigurationFile(
    "\uFEFFlost = 1\n# c\n; c\n[global]\nKey_One = a = b\nkey-two: c\n  d\n\n  # not this\n  e\nnonsense\n[install]\r\nx=\r\n",
  );
  expect([...(sections.get("global") ?? [])]).toEqual([
    ["key-one", "a = b"],
    ["key-two", "c\nd\ne"],
  ]);
  expect([...(sections.get("install") ?? [])]).toEqual([["x", ""]]);
});
