import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CredentialFinder } from "./credential-finder.ts";
import { readIndexSettings } from "./settings.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), "lamella-credentials-"));
  await writeFile(
    path.join(home, ".netrc"),
    "machine netrc.example login n password netrc\nmachine index.example login n password wrong\ndefault login d password d\n",
  );
  await mkdir(path.join(home, "uv"));
  await writeFile(
    path.join(home, "uv", "credentials.toml"),
    '[[credential]]\nservice = "https://uv.example/team/"\nusername = "u"\nscheme = "basic"\npassword = "stored"\n' +
      '[[credential]]\nservice = "https://ring.example/"\nusername = "u"\nscheme = "basic"\npassword = "stored"\n',
  );
  await mkdir(path.join(home, "bin"));
  const keyring = path.join(home, "bin", "keyring");
  await writeFile(
    keyring,
    `#!/bin/sh
echo "$@" >> ${home}/asked
[ "$2" = ring.example ] && { echo ringname; echo ringword; exit 0; }
[ "$2 $3" = "https://named.example/simple joe" ] && { echo namedword; exit 0; }
exit 1
`,
  );
  await chmod(keyring, 0o755);
});
afterAll(async () => {
  await rm(home, { recursive: true });
});

async function finder(): Promise<CredentialFinder> {
  const env = {
    HOME: home,
    PATH: path.join(home, "bin"),
    UV_CREDENTIALS_DIR: path.join(home, "uv"),
    XDG_CONFIG_DIRS: home,
    PIP_CONFIG_FILE: "/dev/null",
    UV_INDEX:
      "https://i:index@index.example/simple https://t:team@index.example/team/simple https://joe@named.example/simple http://h:plain@plain.example:8080/simple",
  };
  return new CredentialFinder({ env, settings: await readIndexSettings({ env, os: "linux" }) });
}

test("by origin from the index, the nearest path first, then from netrc", async () => {
  const { known } = {
    known: async (url: string) => (await (await finder()).known(new URL(url)))?.password,
  };
  expect(await known("https://index.example/files/x.whl")).toBe("index");
  expect(await known("https://index.example/team/files/x.whl")).toBe("team");
  expect(await known("https://netrc.example/x.whl")).toBe("netrc");
  expect(await known("http://plain.example:8080/x.whl")).toBe("plain");
});

test("no other host, port or scheme, and no default entry", async () => {
  const one = await finder();
  for (const url of [
    "https://index.example.evil/x",
    "https://plain.example:8080/x",
    "http://plain.example/x",
    "http://netrc.example/x",
    "https://other.example/x",
  ]) {
    expect(await one.known(new URL(url))).toBeUndefined();
  }
  // The index has credentials for TLS only; netrc's are for the host, but not without TLS.
  expect(await one.known(new URL("http://index.example/x"))).toBeUndefined();
});

test("after a refusal keyring, then uv's own store; each origin is asked once", async () => {
  const one = await finder();
  const asked = async (url: string): Promise<unknown> => {
    const found = await one.onRefusal(new URL(url));
    return found && [found.username, found.password];
  };
  expect(await asked("https://ring.example/a")).toEqual(["ringname", "ringword"]);
  expect(await asked("https://ring.example/b")).toEqual(["ringname", "ringword"]);
  expect(await asked("https://named.example/files/a")).toEqual(["joe", "namedword"]);
  expect(await asked("https://uv.example/team/a")).toEqual(["u", "stored"]);
  expect(await asked("https://unknown.example/a")).toBeUndefined();
  expect((await readFile(path.join(home, "asked"), "utf8")).split("\n")).toEqual([
    "get ring.example --mode creds",
    "get https://named.example/simple joe",
    "get uv.example --mode creds",
    "get unknown.example --mode creds",
    "",
  ]);
});
